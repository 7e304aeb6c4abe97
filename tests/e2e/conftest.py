"""A browser for the tests of pages, and an order for the tests that run commands."""

import shutil

import pytest
from selenium import webdriver

from bench.host import exclusive
from tests.absent import absent

FLAGS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync",
)  # fmt: skip
DESK, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="session", autouse=True)
def nobody_builds():
    """Waits while another process of `make test` builds: a command that waits so long would exceed its time limit."""
    with exclusive.building(lambda _: None):
        pass


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A headless Chromium with an empty profile. In CI its absence is a failure."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        absent("Chromium is not here", "apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag}")
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as started:
        yield started


@pytest.fixture
def look(chromium):
    """Opens an address in a window of a size, in a colour scheme, for a medium; returns the browser."""

    def open_page(address, size=DESK, scheme="light", medium="screen"):
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] == PHONE[0]}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})
        chromium.get(address)
        return chromium

    return open_page

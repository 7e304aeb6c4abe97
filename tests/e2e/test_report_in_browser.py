"""The report as a person sees it: opened from disk in Chromium, at a desk, on a phone, in the dark and on paper."""

import base64
import json
from functools import partial

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bench.report import page as report
from bench.report.finding import find
from bench.report.look import PALETTE
from tests.e2e.conftest import DESK, PHONE
from tests.unit import sessions


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a made-up session, as a file: address."""
    study = sessions.quick()
    runs = sessions.runs(study)
    return report.write(tmp_path_factory.mktemp("session"), find(sessions.session(study, runs), runs)).as_uri()


@pytest.fixture
def opened(look, page):
    """Opens the page."""
    return partial(look, page)


def test_the_page_opens_without_an_error_and_asks_for_nothing_else(opened, page):
    chromium = opened()
    chromium.get_log("performance")
    chromium.get(page)
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith("data:")} == {page}
    assert chromium.get_log("browser") == []


def orders(chromium, column):
    """What the rows of the main table are sorted by in a column, from the top; None where a figure is absent."""
    script = (
        "return [...document.querySelector('.sortable').tBodies[0].rows].map(r => r.cells[arguments[0]]?.dataset.order)"
    )
    return [None if order is None else float(order) for order in chromium.execute_script(script, column)]


def test_a_click_on_a_heading_sorts_and_another_turns_it_round_with_absent_figures_last(opened):
    chromium = opened()
    headings = chromium.find_elements(By.CSS_SELECTOR, ".sortable thead th")
    column = next(index for index, heading in enumerate(headings) if heading.text.startswith("Memory"))
    before = orders(chromium, column)
    for direction in ("ascending", "descending"):
        headings[column].find_element(By.TAG_NAME, "button").click()
        known = sorted((order for order in before if order is not None), reverse=direction == "descending")
        assert orders(chromium, column) == known + [None] * before.count(None)
        assert [heading.get_attribute("aria-sort") for heading in headings if heading.get_attribute("aria-sort")] == [
            direction
        ]


def test_names_sort_as_text_and_by_the_keyboard(opened):
    chromium = opened()
    chromium.find_element(By.CSS_SELECTOR, ".sortable thead button").send_keys(Keys.ENTER)
    names = [cell.text for cell in chromium.find_elements(By.CSS_SELECTOR, ".sortable tbody th")]
    assert names == sorted(names)


def style(chromium, selector, name):
    """A computed style of the first element that `selector` finds, colours as #rrggbb."""
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    value = chromium.execute_script(script, selector, name)
    if not value.startswith("rgb("):
        return value
    return "#" + "".join(f"{int(part):02x}" for part in value[4:-1].split(","))


@pytest.mark.parametrize(
    ("scheme", "medium", "dark"), [("light", "screen", 0), ("dark", "screen", 1), ("dark", "print", 0)]
)
def test_page_and_plots_follow_the_colour_scheme_and_paper_stays_white(opened, scheme, medium, dark):
    chromium = opened(scheme=scheme, medium=medium)
    assert style(chromium, "body", "backgroundColor") == PALETTE["page"][dark]
    assert style(chromium, "body", "color") == PALETTE["ink"][dark]
    blue, _ = PALETTE["blue"]
    assert style(chromium, f'#survival .wide [fill="{blue}"]', "fill") == PALETTE["blue"][dark]


@pytest.mark.parametrize(("size", "shown", "hidden"), [(DESK, "wide", "narrow"), (PHONE, "narrow", "wide")])
def test_the_page_fits_desk_and_phone_without_scrolling_sideways(opened, size, shown, hidden):
    chromium = opened(size=size)
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert style(chromium, f"#survival .{shown}", "display") == "block"
    assert style(chromium, f"#survival .{hidden}", "display") == "none"


def test_a_mark_under_the_pointer_tells_its_figure(opened):
    chromium = opened()
    mark = chromium.find_element(By.CSS_SELECTOR, "#survival .wide path[aria-label*='×']")
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
    webdriver.ActionChains(chromium).move_to_element(mark).perform()
    tip = chromium.find_element(By.ID, "tip")
    assert tip.is_displayed()
    assert tip.text == mark.get_attribute("aria-label")


def test_the_page_prints_whole(opened):
    chromium = opened()
    printed = chromium.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    assert chromium.execute_script("return [...document.querySelectorAll('details')].every(each => each.open)")

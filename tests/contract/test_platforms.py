"""The files of `deploy` for each platform: its own start command, with its variables alone, serves right answers.

The port is the one that the platform says, and no other. Heroku's file is run by honcho, and by a shell as in a dyno.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from bench import verify
from bench.build import bundles
from bench.errors import MissingError
from bench.model import Exchange
from bench.progress import Progress
from bench.readiness import building
from bench.serve.http_client import ask
from bench.serve.ports import free_port
from tests.absent import absent, expect_none
from tests.billing import document
from tests.declared import CATALOG
from tests.deployed import bundled, installed, running, written
from tests.languages import LANGUAGES, built
from tests.platforms import PLATFORMS, VARIANT, WITH_PORT, Deployed, Heroku, Honcho, Platform

START_SECONDS = 30.0
BILLS = b'{"batch":"b","bills":[{"id":7,"name":"Ann Lee","due":500,"currency":"EUR"}]}'
EACH = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
EACH_WITH_PORT = pytest.mark.parametrize("platform", WITH_PORT, ids=lambda platform: platform.name)


class Packages(NamedTuple):
    """The environment of each application. The requirements are those of every platform."""

    statements: Path
    billing: Path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Both environments; without a package or the client of billing, the tests are skipped, and in CI they fail."""
    expect_none(building.build_all(CATALOG, [VARIANT], Progress(Console(quiet=True)))[1])
    folder = tmp_path_factory.mktemp("packages")
    try:
        built(LANGUAGES["python"])
        bundle = bundled(folder / "bundle", Heroku())
        return Packages(*(installed(bundle / name, folder / name) for name in bundles.APPLICATIONS))
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.fixture(scope="module")
def statements(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `statements`, for every billing."""
    folder, port = tmp_path_factory.mktemp("statements"), free_port()
    it = Deployed("statements", bundled(folder / "bundle", Heroku()) / "statements", packages.statements, port)
    with running(Heroku(), it, folder / "log", port) as server:
        yield server.url


def deployed(folder: Path, platform: Platform, packages: Packages, port: int | str) -> Deployed:
    """`statements` in a bundle of its own."""
    return Deployed("statements", bundled(folder / "bundle", platform) / "statements", packages.statements, port)


def ended(platform: Platform, it: Deployed) -> subprocess.CompletedProcess[str]:
    """The output and status of an application that cannot start."""
    argv, env = platform.argv(it), platform.environment(it)
    return subprocess.run(
        argv, cwd=it.home, env=env, capture_output=True, text=True, check=False, timeout=START_SECONDS
    )


@pytest.mark.parametrize("platform", [Honcho(), *PLATFORMS[1:]], ids=lambda platform: platform.name)
def test_statements_is_right_at_the_port_and_nowhere_else(
    platform: Platform, packages: Packages, tmp_path: Path
) -> None:
    port, another = free_port(), free_port()
    it = deployed(tmp_path, platform, packages, port)
    with running(platform, it, tmp_path / "log", port):
        right, wrong = verify.check_server(port), verify.check_server(another)
    assert (right.mismatches, right.cases) == ((), wrong.cases)
    assert len(wrong.mismatches) == wrong.cases, "the check would pass at another port"


@pytest.mark.long
@EACH
def test_billing_asks_statements(platform: Platform, packages: Packages, statements: str, tmp_path: Path) -> None:
    port = free_port()
    home = bundled(tmp_path / "bundle", platform, statements) / "billing"
    it = Deployed("billing", home, packages.billing, port, statements)
    batch = Exchange(method="POST", path="/bills", body=document("b"), expect=BILLS)
    with running(platform, it, tmp_path / "log", port):
        assert ask(port, batch) == (200, BILLS)


@EACH_WITH_PORT
def test_a_port_that_is_no_number_ends_the_start(platform: Platform, packages: Packages, tmp_path: Path) -> None:
    done = ended(platform, deployed(tmp_path, platform, packages, "http"))
    assert done.returncode == 1
    assert "'http' is not a valid port number" in done.stderr


@pytest.mark.long
@EACH_WITH_PORT
def test_no_shell_gets_sigterm_in_place_of_the_server(platform: Platform, packages: Packages, tmp_path: Path) -> None:
    port = free_port()
    with running(platform, deployed(tmp_path, platform, packages, port), tmp_path / "log", port) as server:
        assert "gunicorn" in server.process.cmdline()


@pytest.mark.long
@EACH_WITH_PORT
def test_a_command_with_a_port_of_its_own_is_noticed(platform: Platform, packages: Packages, tmp_path: Path) -> None:
    port, own = free_port(), free_port()
    it = deployed(tmp_path, platform, packages, port)
    for file in written(it.home.parent, platform):
        file.write_text(file.read_text().replace("$PORT", str(own)))
    with running(platform, it, tmp_path / "log", own):
        checked = verify.check_server(port)
    assert len(checked.mismatches) == checked.cases


@pytest.mark.long
def test_a_port_that_is_in_use_ends_the_start(packages: Packages, tmp_path: Path) -> None:
    """Gunicorn tries five times, a second apart; all platforms do so at once."""
    port = free_port()
    it = deployed(tmp_path / "first", Heroku(), packages, port)
    with running(Heroku(), it, tmp_path / "log", port):
        others = [(each, deployed(tmp_path / each.name, each, packages, port)) for each in WITH_PORT]
        started = [
            subprocess.Popen(
                each.argv(other), cwd=other.home, env=each.environment(other), stderr=subprocess.PIPE, text=True
            )
            for each, other in others
        ]
        ends = [(process.communicate(timeout=START_SECONDS)[1], process.returncode) for process in started]
    assert [status for _, status in ends] == [1] * len(WITH_PORT)
    assert all("Can't connect to" in told for told, _ in ends)

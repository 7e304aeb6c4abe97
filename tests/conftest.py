"""Settings for all tests, and what each of several processes runs (`make test`)."""

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from bench import __main__
from bench.model import Stack
from bench.paths import ROOT

Main = Callable[..., tuple[int, str, str]]


def pytest_configure() -> None:
    """Restore SIGINT, which the background jobs of a shell script ignore, for the tests and their child processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a process all tests of a file or of a served stack, and give all that measure to the same process.

    One process builds first, and the other one runs the unit tests meanwhile.
    """
    groups = {item: group(item) for item in items}
    builds = next((groups[item] for item in items if "prepared" in getattr(item, "fixturenames", ())), None)
    for item, name in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: (groups[item] != builds, room(item) != "unit"))


def room(item: pytest.Item) -> str:
    """The folder of a test, such as `contract`."""
    return item.path.relative_to(ROOT / "tests").parts[0]


def group(item: pytest.Item) -> str:
    """The name of the tests that run in the same process as this one; pytest-xdist allows no `@` in it."""
    if room(item) == "e2e":
        return "e2e"  # a second measurement on the machine would be refused
    if room(item) == "contract" and "outcomes" not in getattr(item, "fixturenames", ()):
        given = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
        stack = next((each for each in given if isinstance(each, Stack)), None)
        if stack:
            return str(stack).replace("@", " on ")
    return item.path.stem


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Main]:
    """`python -m bench WORDS` in this process: the exit status, standard output and standard error."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return __main__.main(), *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, handler)

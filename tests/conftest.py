"""Settings for all tests."""

import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench import __main__
from tests import fault_counts
from tests.shares import Sharing, share, turn

Main = Callable[..., tuple[int, str, str]]


def pytest_configure() -> None:
    """Restore SIGINT, which the background jobs of a shell script ignore, for the tests and their child processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process build at once, while the other ones run the unit tests."""
    builds = next((share(item.nodeid) for item in items if "prepared" in getattr(item, "fixturenames", ())), None)
    items.sort(key=lambda item: (share(item.nodeid) != builds, turn(item.nodeid)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    fault_counts.show(terminalreporter)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Main]:
    """`python -m bench WORDS` in this process: the exit status, standard output and standard error."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return __main__.main(), *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, handler)

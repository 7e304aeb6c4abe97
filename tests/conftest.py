"""Settings for all tests."""

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from bench import __main__

Main = Callable[..., tuple[int, str, str]]


def pytest_configure() -> None:
    """Restore SIGINT, which the background jobs of a shell script ignore, for the tests and their child processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Main]:
    """`python -m bench WORDS` in this process: the exit status, standard output and standard error."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return __main__.main(), *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, handler)

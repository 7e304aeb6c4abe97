"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Take Ctrl-C as a terminal sends it, in the tests' child processes, too: a script's background job ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)

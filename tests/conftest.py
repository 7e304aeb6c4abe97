"""Settings for all tests."""

import signal


def pytest_configure() -> None:
    """Restore SIGINT, which the background jobs of a shell script ignore, for the tests and their child processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)

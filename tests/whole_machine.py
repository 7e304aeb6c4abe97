"""One test at a time changes the whole machine, its mounts and links, or looks whether a test has left it as it was.

`make test-long` runs tests in several processes, and all of them see the same mounts.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from bench.paths import LAB


@contextmanager
def held() -> Iterator[None]:
    """Wait until no other test holds the machine, and hold it during the block."""
    LAB.mkdir(exist_ok=True)
    with (LAB / "whole-machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""One measurement at a time on a machine: two would disturb each other, and could continue the same session."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import LabError
from bench.host import machine
from bench.paths import LAB

FOLDER = LAB


@contextmanager
def measuring() -> Iterator[None]:
    """Hold this machine's lock during the block; it ends with the process. Raises LabError that names its holder.

    Each machine has its own lock, because machines may share a checkout.
    """
    path = FOLDER / f"measuring-{machine.mark()}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"  # empty while it begins
            raise LabError(
                f"process {holder} measures on this machine and holds {path}: wait until it ends, or stop it"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def require_free() -> None:
    """Raise LabError if a process measures on this machine."""
    with measuring():
        pass

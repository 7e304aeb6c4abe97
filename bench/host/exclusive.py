"""One process at a time measures on a machine, and one at a time builds in a checkout.

Two measurements would disturb each other, and could continue the same session. Two builds would write the same files.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

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
            raise LabError(
                f"process {_holder(lock)} measures on this machine and holds {path}: wait until it ends, or stop it"
            ) from error
        _sign(lock)
        yield


def require_free() -> None:
    """Raise LabError if a process measures on this machine."""
    with measuring():
        pass


@contextmanager
def building(say: Callable[[str], None]) -> Iterator[None]:
    """Hold this checkout's lock during the block, once another process has released it: `say` tells that it waits.

    The lock ends with the process. A block must not contain another one.
    """
    path = FOLDER / "building.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for process {_holder(lock)}, which builds here")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _sign(lock)
        yield


def _sign(lock: TextIO) -> None:
    """Write this process into the lock that it holds."""
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _holder(lock: TextIO) -> str:
    """The process that holds a lock; unknown while it begins."""
    lock.seek(0)
    return lock.read().strip() or "unknown"

"""What a start of `run` spends beside measuring: CPU of the lab's own process, and time for starts, checks, cool-downs.

The books are the process's own, as its CPU time is; a `Clock` reads what was added to them since it was made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from bench.model import Account

What = Literal["starts", "checks", "cool_downs"]

_seconds: dict[What, float] = {"starts": 0.0, "checks": 0.0, "cool_downs": 0.0}
_noise: list[str] = []


@contextmanager
def spending(what: What) -> Iterator[None]:
    """Book the time that the block takes, however it ends."""
    began = time.monotonic()
    try:
        yield
    finally:
        _seconds[what] += time.monotonic() - began


def note(noise: str) -> None:
    """Keep what disturbed the machine, in words."""
    _noise.append(noise)


class Clock:
    """Begins to count when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._before, self._noted = dict(_seconds), len(_noise)

    def read(self) -> Account:
        """What was spent since."""
        spent = {what: seconds - self._before[what] for what, seconds in _seconds.items()}
        return Account(
            wall_seconds=time.monotonic() - self._wall,
            lab_seconds=time.process_time() - self._cpu,
            starts_seconds=spent["starts"],
            checks_seconds=spent["checks"],
            cool_downs_seconds=spent["cool_downs"],
            noise=tuple(_noise[self._noted :]),
        )

"""The overhead of a `run`: CPU time of the lab's own process, and time for server starts, checks and cool-downs.

The totals belong to the process. A `Clock` reads what was added to them since its creation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from bench.model import Account

Activity = Literal["starts", "checks", "cool_downs"]

_seconds: dict[Activity, float] = {"starts": 0.0, "checks": 0.0, "cool_downs": 0.0}
_noise: list[str] = []


@contextmanager
def spending(activity: Activity) -> Iterator[None]:
    """Add the duration of the block to `activity`, even if the block raises."""
    began = time.monotonic()
    try:
        yield
    finally:
        _seconds[activity] += time.monotonic() - began


def note(noise: str) -> None:
    """Record a description of what disturbed the machine."""
    _noise.append(noise)


class Clock:
    """Counts from its creation."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._before, self._noted = dict(_seconds), len(_noise)

    def read(self) -> Account:
        """Return what was spent since the clock's creation."""
        spent = {activity: seconds - self._before[activity] for activity, seconds in _seconds.items()}
        return Account(
            wall_seconds=time.monotonic() - self._wall,
            lab_seconds=time.process_time() - self._cpu,
            starts_seconds=spent["starts"],
            checks_seconds=spent["checks"],
            cool_downs_seconds=spent["cool_downs"],
            noise=tuple(_noise[self._noted :]),
        )

"""CPU time of a server and its descendants, read while the server is idle.

The best available source is used:

1. A control group. It includes ended threads and workers.
2. The CPU clocks of the processes. They include ended threads; ended workers count in ticks through their parent.
3. Ticks of 0.01 s.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from bench.errors import DisturbedError

Source = Literal["cpuacct.usage", "cpu.stat", "process clocks", "ticks"]

RESOLUTION_SECONDS: dict[Source, float] = {
    "cpuacct.usage": 1e-9,
    "cpu.stat": 1e-6,
    "process clocks": 1e-9,
    "ticks": 1 / os.sysconf("SC_CLK_TCK"),
}
LOOK_SECONDS = 0.1  # as long as the longest pause between two ticks of an event loop
IDLE_SHARE = 0.05  # of a core; ticks of Uvicorn under Gunicorn used up to 3.6 % in 0.1 s on a virtual machine
IN_A_ROW = 2
WITHIN_SECONDS = 5.0  # a JIT compiler or garbage collector may still work after the last answer
PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a whole process, as composed by clock_getcpuclockid(3)


class Meter(msgspec.Struct, frozen=True):
    """A meter of CPU time: `read` returns the server's CPU seconds since its start, `source` says how."""

    source: Source
    read: Callable[[], float]

    @property
    def resolution_seconds(self) -> float:
        """The smallest difference between two readings."""
        return RESOLUTION_SECONDS[self.source]


def read_when_idle(
    meter: Meter, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
) -> float:
    """Wait until the server is idle and return its CPU seconds. Idle: under 5 % of a core in 0.1 s, twice in a row.

    Raises DisturbedError if the server is not idle within 5 s. Its further CPU time cannot be attributed to requests.
    """
    deadline = now() + WITHIN_SECONDS
    last, idle_in_a_row, share = meter.read(), 0, 1.0
    while idle_in_a_row < IN_A_ROW:
        if now() > deadline:
            after = f"{WITHIN_SECONDS:.0f} s after its last answer"
            raise DisturbedError(f"the server still used {share * 100:.3g} % of a core {after}")
        began = now()
        sleep(LOOK_SECONDS)
        read = meter.read()
        share, last = (read - last) / max(now() - began, LOOK_SECONDS), read
        idle_in_a_row = idle_in_a_row + 1 if share < IDLE_SHARE else 0
    return last


def ignores_children(process: psutil.Process) -> bool:
    """Return True if a process ignores SIGCHLD, so that the CPU time of its ended children is lost (wait(2))."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    ignored = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored, 16) >> (signal.SIGCHLD - 1) & 1)


def of_tree(*roots: psutil.Process) -> Meter:
    """Return the meter of processes and their descendants that have no control group."""
    try:
        time.clock_gettime(_clock(roots[0].pid))
    except OSError:
        return Meter("ticks", lambda: _total(roots, _tick_seconds))
    return Meter("process clocks", lambda: _total(roots, _clock_seconds))


def _total(roots: Sequence[psutil.Process], own_seconds: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in [each for root in roots for each in (root, *root.children(recursive=True))]:
        try:
            times = process.cpu_times()
            total += own_seconds(process) + times.children_user + times.children_system
        except (psutil.NoSuchProcess, OSError):
            continue  # it has just ended; its parent's children times include it once it is reaped
    return total


def _clock_seconds(process: psutil.Process) -> float:
    return time.clock_gettime(_clock(process.pid))


def _tick_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _clock(pid: int) -> int:
    """Return the id of the CPU clock of another process. It covers all its threads, including ended ones."""
    return (~pid << 3) | PROCESS_CLOCK

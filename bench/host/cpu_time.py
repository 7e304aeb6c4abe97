"""CPU time of a server and of all that it started, read while it is idle; in nanoseconds where the kernel keeps them.

Three sources, the best that can be had: a control group, which keeps what ended threads and workers spent; the CPU
clocks of the processes, which keep what ended threads spent (ended workers count by their parent's ticks); ticks of a
hundredth of a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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
LOOK_SECONDS = 0.05
IDLE_SHARE = 0.01  # of a core between two looks: more than a master or an event loop spends on its timers
IN_A_ROW = 2
WITHIN_SECONDS = 5.0  # a just-in-time compiler or a collector may work on after the last answer
PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a whole process, as clock_getcpuclockid(3) composes it


class Meter(msgspec.Struct, frozen=True):
    """CPU seconds that a server has spent since it was started, by `read`, and where they come from."""

    source: Source
    read: Callable[[], float]

    @property
    def resolution_seconds(self) -> float:
        """The smallest difference between two readings."""
        return RESOLUTION_SECONDS[self.source]


def idle_seconds(
    meter: Meter, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
) -> float:
    """CPU seconds spent by the time that the server is idle: under 1 % of a core in 50 ms, twice in a row.

    Raises DisturbedError if it is not within 5 s: what it then still spends belongs to no request that could be named.
    """
    deadline = now() + WITHIN_SECONDS
    last, quiet, spent = meter.read(), 0, 1.0
    while quiet < IN_A_ROW:
        if now() > deadline:
            told = f"{WITHIN_SECONDS:.0f} s after its last answer: {spent:.1%} of a core"
            raise DisturbedError(f"the server was not idle {told}")
        began = now()
        sleep(LOOK_SECONDS)
        read = meter.read()
        spent, last = (read - last) / max(now() - began, LOOK_SECONDS), read
        quiet = quiet + 1 if spent < IDLE_SHARE else 0
    return last


def of_tree(root: psutil.Process) -> Meter:
    """The meter of a process and its descendants, where it has no control group of its own."""
    try:
        time.clock_gettime(_clock(root.pid))
    except OSError:
        return Meter("ticks", lambda: _total(root, _ticks))
    return Meter("process clocks", lambda: _total(root, _clocked))


def _total(root: psutil.Process, spent: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            total += spent(process) + times.children_user + times.children_system
        except (psutil.NoSuchProcess, OSError):
            continue  # ended since it was listed; its parent has its time once it is reaped
    return total


def _clocked(process: psutil.Process) -> float:
    return time.clock_gettime(_clock(process.pid))


def _ticks(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _clock(pid: int) -> int:
    """The CPU clock of another process: of all its threads, ended ones included."""
    return (~pid << 3) | PROCESS_CLOCK

"""Whether the machine is quiet: what others do on it, sampled between blocks and judged.

The load is what others than the lab keep busy of the CPUs that it may use: the load average would remember the lab's
own builds for minutes. Sources: psutil; sysfs(5), thermal_throttle; cgroups(7), cpu.stat.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from bench.errors import RefusedError
from bench.host import accounts, machine, steal
from bench.host.steal import STOLEN_SHARE

WINDOW_SECONDS = 1.0
WAIT_SECONDS = 60.0  # for quiet before the first block
COOL_SECONDS = 20.0  # and between two
LOAD_CORES = 0.1
SWAPPED_BYTES = 2**20  # a second
QUIET_GOVERNORS = {None, "performance"}
_THROTTLES = ("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count",)
_CPU_STATS = ("sys/fs/cgroup/cpu.stat", "sys/fs/cgroup/cpu/cpu.stat")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's counters at `at`, in seconds of a clock that only goes forward.

    `busy` and `stolen` are CPU seconds of the `cpus` that the lab may use, `own` those of the lab and what it started;
    `others` holds every other process by its number: its name and its CPU seconds.
    """

    at: float
    cpus: int
    busy: float
    own: float
    stolen: float = 0.0
    swapped_bytes: int = 0
    throttled: int = 0
    hot: bool = False
    governor: str | None = None
    others: dict[int, tuple[str, float]] = {}


def passing(before: Sample, after: Sample) -> list[str]:
    """What disturbed the machine between two samples and may end by itself, in words."""
    seconds = after.at - before.at
    load = (after.busy - before.busy - (after.own - before.own)) / seconds
    stolen = (after.stolen - before.stolen) / seconds / after.cpus
    swapped = (after.swapped_bytes - before.swapped_bytes) / seconds
    found = {
        f"others keep {load:.2f} of {after.cpus} cores busy{_most(before, after, seconds)}": load > LOAD_CORES,
        f"the hypervisor took {stolen:.0%} of the CPU time": stolen > STOLEN_SHARE,
        f"{swapped / 2**20:.0f} MiB a second are swapped": swapped > SWAPPED_BYTES,
        "the CPU was throttled": after.throttled > before.throttled,
        "a temperature is over its limit": after.hot,
    }
    return [words for words, disturbs in found.items() if disturbs]


def lasting(sample: Sample) -> list[str]:
    """What waiting does not end."""
    if sample.governor in QUIET_GOVERNORS:
        return []
    return [f"the CPU governor is {sample.governor}, not performance"]


class Watch:
    """Waits for quiet before a block: long before the first, shorter between blocks, and not where it was in vain.

    What is left of noise is said and noted, and the study goes on; `strict` refuses instead, before the first block.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        strict: bool = False,
        take: Callable[[], Sample] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._say, self._strict, self._sleep = say, strict, sleep
        self._take = take or sample
        self._last: Sample | None = None
        self._in_vain = False

    def before_block(self) -> None:
        """Raises RefusedError where the machine is not quiet before the first block of a strict run."""
        first = self._last is None
        noise = self._wait(WAIT_SECONDS) if first else self._between()
        if first:
            noise += lasting(self._take())
            if noise and self._strict:
                raise RefusedError(f"the machine is not quiet, and --strict refuses: {'; '.join(noise)}")
        for each in noise:
            accounts.note(each)
        if noise and first:
            self._say(f"not quiet: {'; '.join(noise)}; measuring all the same, and the report says so")
        self._last = self._take()

    def _between(self) -> list[str]:
        """The noise of the block before, which is waited out if that is not known to be in vain."""
        assert self._last is not None
        noise = passing(self._last, self._take())
        if noise and not self._in_vain:
            self._in_vain = bool(self._wait(COOL_SECONDS))
        self._in_vain = self._in_vain and bool(noise)
        return noise

    def _wait(self, seconds: float) -> list[str]:
        """The noise that is still there after so long; none as soon as a window is quiet."""
        with accounts.spending("cool_downs"):
            before = self._take()
            until = before.at + seconds
            while True:
                self._sleep(WINDOW_SECONDS)
                after = self._take()
                noise = passing(before, after)
                if not noise or after.at >= until:
                    return noise
                before = after


def sample() -> Sample:
    """This machine now."""
    times = steal.cpu_times()
    own = {process.pid: process for process in (psutil.Process(), *psutil.Process().children(recursive=True))}
    others: dict[int, tuple[str, float]] = {}
    alive = 0.0
    for process in psutil.process_iter(["name", "cpu_times"]):
        used = process.info["cpu_times"]
        if used is None:
            continue
        if process.pid in own:
            alive += used.user + used.system
        else:
            others[process.pid] = (process.info["name"], used.user + used.system)
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    swap = psutil.swap_memory()
    return Sample(
        at=time.monotonic(),
        cpus=len(times),
        # without interrupts: the kernel does not tell whose they are
        busy=sum(each.user + each.nice + each.system for each in times),
        own=alive + reaped.ru_utime + reaped.ru_stime,
        stolen=steal.stolen_seconds(times) or 0.0,
        swapped_bytes=swap.sin + swap.sout,
        throttled=_throttled(),
        hot=_hot(),
        governor=machine.governor(),
        others=others,
    )


def _most(before: Sample, after: Sample, seconds: float) -> str:
    """Who of the others took most, where it can be seen: a container does not show the host's processes."""
    used = {name: cpu - before.others.get(pid, (name, 0.0))[1] for pid, (name, cpu) in after.others.items()}
    name = max(used, key=lambda each: used[each], default="")
    return f", {used[name] / seconds:.2f} of them by {name}" if used.get(name, 0.0) / seconds > LOAD_CORES / 2 else ""


def _throttled(root: Path = Path("/")) -> int:
    """How often the CPU was slowed for its heat, or this process's group for its quota."""
    counts = [int(path.read_text()) for pattern in _THROTTLES for path in root.glob(pattern)]
    for path in (root / name for name in _CPU_STATS if (root / name).is_file()):
        fields = dict(line.split() for line in path.read_text().splitlines())
        counts.append(int(fields.get("nr_throttled", 0)))
    return sum(counts)


def _hot() -> bool:
    sensors = [each for found in psutil.sensors_temperatures().values() for each in found]
    return any(each.high and each.current >= each.high for each in sensors)

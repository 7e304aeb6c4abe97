"""Checks that the machine is quiet: activity of other processes, sampled between blocks.

Load means CPU time of other processes on the lab's CPUs. The load average is no substitute, because it includes the
lab's own builds for minutes. Sources: psutil; sysfs(5), thermal_throttle; cgroups(7), cpu.stat.
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
WAIT_SECONDS = 60.0  # longest wait for quiet before the first block
COOL_SECONDS = 20.0  # longest wait between two blocks
LOAD_CORES = 0.1
SWAPPED_BYTES = 2**20  # per second
QUIET_GOVERNORS = {None, "performance"}
_THROTTLES = ("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count",)
_CPU_STATS = ("sys/fs/cgroup/cpu.stat", "sys/fs/cgroup/cpu/cpu.stat")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's counters at `at`, in seconds of a monotonic clock.

    `busy` and `stolen`: CPU seconds of the `cpus` that the lab may use. `own`: CPU seconds of the lab and its child
    processes. `others`: name and CPU seconds of every other process, by process id.
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


def transient_noise(before: Sample, after: Sample) -> list[str]:
    """Describe the disturbances between two samples that may end by themselves."""
    seconds = after.at - before.at
    load = (after.busy - before.busy - (after.own - before.own)) / seconds
    stolen = (after.stolen - before.stolen) / seconds / after.cpus
    swapped = (after.swapped_bytes - before.swapped_bytes) / seconds
    found = {
        f"other processes use {load:.2f} of {after.cpus} cores{_busiest(before, after, seconds)}": load > LOAD_CORES,
        f"the hypervisor took {stolen * 100:.0f} % of the CPU time": stolen > STOLEN_SHARE,
        f"swapping {swapped / 2**20:.0f} MiB/s": swapped > SWAPPED_BYTES,
        "the CPU was throttled": after.throttled > before.throttled,
        "a temperature is over its limit": after.hot,
    }
    return [words for words, disturbs in found.items() if disturbs]


def permanent_noise(sample: Sample) -> list[str]:
    """Describe the disturbances that waiting does not end."""
    if sample.governor in QUIET_GOVERNORS:
        return []
    return [f"the CPU governor is {sample.governor}, not performance"]


class Watch:
    """Waits for quiet before each block: up to 60 s before the first, up to 20 s later.

    After a wait without success it does not wait again until a block was quiet. Remaining noise is printed and noted,
    and the study continues. With `strict` it raises an error before the first block instead.
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
        self._last_wait_failed = False

    def before_block(self) -> None:
        """Wait for quiet. Raises RefusedError if the machine is not quiet before the first block of a strict run."""
        first = self._last is None
        noise = self._wait(WAIT_SECONDS) if first else self._between()
        if first:
            noise += permanent_noise(self._take())
            if noise and self._strict:
                raise RefusedError(f"--strict requires a quiet machine: {'; '.join(noise)}")
        for each in noise:
            accounts.note(each)
        if noise and first:
            self._say(f"the machine is not quiet (noted in the report): {'; '.join(noise)}")
        self._last = self._take()

    def _between(self) -> list[str]:
        """Return the noise during the previous block, after waiting for quiet unless the last wait failed."""
        assert self._last is not None  # noqa: S101 - tells mypy: a block came before
        noise = transient_noise(self._last, self._take())
        if noise and not self._last_wait_failed:
            self._last_wait_failed = bool(self._wait(COOL_SECONDS))
        self._last_wait_failed = self._last_wait_failed and bool(noise)
        return noise

    def _wait(self, seconds: float) -> list[str]:
        """Wait until a window is quiet, at most `seconds`. Returns the noise of the last window."""
        with accounts.spending("cool_downs"):
            before = self._take()
            until = before.at + seconds
            while True:
                self._sleep(WINDOW_SECONDS)
                after = self._take()
                noise = transient_noise(before, after)
                if not noise or after.at >= until:
                    return noise
                before = after


def sample() -> Sample:
    """Read this machine's counters."""
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
        # without interrupts, which the kernel attributes to no process
        busy=sum(each.user + each.nice + each.system for each in times),
        own=alive + reaped.ru_utime + reaped.ru_stime,
        stolen=steal.stolen_seconds(times) or 0.0,
        swapped_bytes=swap.sin + swap.sout,
        throttled=_throttled(),
        hot=_hot(),
        governor=machine.governor(),
        others=others,
    )


def _busiest(before: Sample, after: Sample, seconds: float) -> str:
    """Name the busiest other process, or return an empty string. A container does not show the host's processes."""
    used = {name: cpu - before.others.get(pid, (name, 0.0))[1] for pid, (name, cpu) in after.others.items()}
    name = max(used, key=lambda each: used[each], default="")
    return f" ({name}: {used[name] / seconds:.2f})" if used.get(name, 0.0) / seconds > LOAD_CORES / 2 else ""


def _throttled(root: Path = Path("/")) -> int:
    """Count how often the CPU was throttled by temperature, or this process's cgroup by its quota."""
    counts = [int(path.read_text()) for pattern in _THROTTLES for path in root.glob(pattern)]
    for path in (root / name for name in _CPU_STATS if (root / name).is_file()):
        fields = dict(line.split() for line in path.read_text().splitlines())
        counts.append(int(fields.get("nr_throttled", 0)))
    return sum(counts)


def _hot() -> bool:
    sensors = [each for found in psutil.sensors_temperatures().values() for each in found]
    return any(each.high and each.current >= each.high for each in sensors)

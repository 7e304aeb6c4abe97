"""How many worker processes can run at once: `python -m app.sizing` prints the number, for `WEB_CONCURRENCY`.

It is the smaller of the CPU affinity and the CPU quota, rounded up. `os.cpu_count` knows neither, and no function of
the standard library knows the quota. Source: Linux, Documentation/scheduler/sched-bwc.rst and
Documentation/admin-guide/cgroup-v2.rst; proc(5), mountinfo.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")
VERSION_1 = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
VERSION_2 = ("cpu.max",)
UNLIMITED = {"-1", "max"}


def workers(proc: Path = PROC) -> int:
    """The number of worker processes that this process's share of the CPU keeps busy."""
    return math.ceil(min([len(os.sched_getaffinity(0)), *quotas(proc)]))


def quotas(proc: Path = PROC) -> Iterator[float]:
    """Yield the CPU quotas of the process's control groups and of all visible ancestors, in cores."""
    if not (proc / "cgroup").exists():  # a kernel without control groups
        return
    own = (line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines())
    paths = {controller: path for _, controllers, path in own for controller in controllers.split(",")}
    for line in (proc / "mountinfo").read_text().splitlines():
        place, _, mounted = line.partition(" - ")
        root, mount = place.split()[3:5]
        kind, _, options = mounted.split(" ", 2)
        if kind == "cgroup2" and "" in paths:
            yield from _upwards(Path(mount), root, paths[""], VERSION_2)
        elif kind == "cgroup" and "cpu" in options.split(","):
            yield from _upwards(Path(mount), root, paths["cpu"], VERSION_1)


def _upwards(mount: Path, root: str, path: str, files: tuple[str, ...]) -> Iterator[float]:
    """Yield the quotas of the group `path` and of its ancestors in a mount that shows the group `root` and below."""
    below = Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path()
    group = mount / below
    for each in (group, *group.parents[: len(below.parts)]):
        try:
            quota, period = " ".join((each / name).read_text() for name in files).split()
        except FileNotFoundError:  # the root of all groups, or one without the controller
            continue
        if quota not in UNLIMITED:
            yield int(quota) / int(period)


if __name__ == "__main__":
    print(workers())

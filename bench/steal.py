"""CPU time that the hypervisor gave to other guests while this machine had work: `steal` of /proc/stat, in seconds.

Counted in ticks of 0.01 s, read for the CPUs that the lab may use. Sources: proc_stat(5); psutil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from bench.pinning import cores

STOLEN_SHARE = 0.02  # of the CPU time: more disturbs


def cpu_times() -> list[Any]:
    """psutil's times of each CPU that the lab may use."""
    return [each for cpu, each in enumerate(psutil.cpu_times(percpu=True)) if cpu in cores().all]


def stolen_seconds(times: Sequence[Any]) -> float | None:
    """CPU time stolen since the machine started; None if the kernel does not count it: no such field, or only zeros."""
    if not times or not all(hasattr(each, "steal") and any(each) for each in times):
        return None
    return float(sum(each.steal for each in times))


def stolen_share(before: Sequence[Any], after: Sequence[Any], seconds: float) -> float | None:
    """The share of the CPU time of `seconds` that was stolen; None if unknown, such as after a reset of the counter."""
    first, last = stolen_seconds(before), stolen_seconds(after)
    if first is None or last is None or last < first:
        return None
    return (last - first) / seconds / len(after)

"""Steal time: CPU time that the hypervisor gave to other guests while this machine had work, in seconds.

The kernel counts it in ticks of 0.01 s. Only the CPUs that the lab may use count. Sources: proc_stat(5); psutil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from bench.host.pinning import cores

STOLEN_SHARE = 0.02  # of the CPU time; a larger share counts as noise


def cpu_times() -> list[Any]:
    """Return psutil's times of each CPU that the lab may use."""
    return [each for cpu, each in enumerate(psutil.cpu_times(percpu=True)) if cpu in cores().all]


def stolen_seconds(times: Sequence[Any]) -> float | None:
    """Return the steal time since boot, or None if it is unknown: the field is missing or zero.

    Zero counts as unknown, because hypervisors that do not report steal time also leave it at zero.
    """
    stolen = sum(getattr(each, "steal", 0.0) for each in times)
    return float(stolen) or None


def stolen_share(before: Sequence[Any], after: Sequence[Any], seconds: float) -> float | None:
    """Return the stolen share of the CPU time of `seconds`, or None if unknown, such as after a counter reset."""
    first, last = stolen_seconds(before), stolen_seconds(after)
    if first is None or last is None or last < first:
        return None
    return (last - first) / seconds / len(after)

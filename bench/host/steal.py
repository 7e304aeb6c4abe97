"""CPU time that the hypervisor gave to other guests while this machine had work: `steal` of /proc/stat, in seconds.

Counted in ticks of 0.01 s, read for the CPUs that the lab may use. Sources: proc_stat(5); psutil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from bench.host.pinning import cores

STOLEN_SHARE = 0.02  # of the CPU time: more disturbs


def cpu_times() -> list[Any]:
    """psutil's times of each CPU that the lab may use."""
    return [each for cpu, each in enumerate(psutil.cpu_times(percpu=True)) if cpu in cores().all]


def stolen_seconds(times: Sequence[Any]) -> float | None:
    """CPU time stolen since the machine started; None if that is not counted: there is no such field, or it is zero.

    A hypervisor that does not tell what it takes leaves zero, too.
    """
    stolen = sum(getattr(each, "steal", 0.0) for each in times)
    return float(stolen) or None


def stolen_share(before: Sequence[Any], after: Sequence[Any], seconds: float) -> float | None:
    """The share of the CPU time of `seconds` that was stolen; None if unknown, such as after a reset of the counter."""
    first, last = stolen_seconds(before), stolen_seconds(after)
    if first is None or last is None or last < first:
        return None
    return (last - first) / seconds / len(after)

"""Peak memory of processes from the kernel's own counters, so that nothing polls during a load.

Source: proc(5), `VmHWM` and `VmRSS` of /proc/PID/status, and 5 written to /proc/PID/clear_refs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

PROC = Path("/proc")
RESET = "5"
_KILOBYTE = 1024


def reset(*roots: psutil.Process, proc: Path = PROC) -> bool:
    """Reset the peaks of process trees. Returns False if the kernel refuses: they then count from each start."""
    try:
        for process in _trees(roots):
            (proc / str(process.pid) / "clear_refs").write_text(RESET)
    except OSError:
        return False
    return True


def above_now_bytes(*roots: psutil.Process, proc: Path = PROC) -> float:
    """Return the sum of peak minus current RSS over the living processes.

    It is an upper bound for them, because they may peak at different times. Processes that have ended do not count.
    """
    return float(sum(max(0, peak - now) for peak, now in (_levels(proc / str(each.pid)) for each in _trees(roots))))


def _levels(folder: Path) -> tuple[int, int]:
    """Return peak and current resident bytes of a process, or zeros if it has ended."""
    try:
        lines = (folder / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines)
    peak, now = (int(fields[name].split()[0]) * _KILOBYTE if name in fields else 0 for name in ("VmHWM", "VmRSS"))
    return peak, now


def _trees(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [each for root in roots for each in (root, *root.children(recursive=True))]

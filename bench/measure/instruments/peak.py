"""The most memory that processes held, as the kernel keeps it: nothing looks at them while a load runs.

Source: proc(5), `VmHWM` and `VmRSS` of /proc/PID/status, and 5 written to /proc/PID/clear_refs.
"""

from __future__ import annotations

from pathlib import Path

import psutil

PROC = Path("/proc")
RESET = "5"
_KILOBYTE = 1024


def forget(root: psutil.Process, proc: Path = PROC) -> bool:
    """Have the peaks of a tree count from now on. False where the kernel does not: they count from each start then."""
    try:
        for process in _tree(root):
            (proc / str(process.pid) / "clear_refs").write_text(RESET)
    except OSError:
        return False
    return True


def above_now_bytes(root: psutil.Process, proc: Path = PROC) -> float:
    """Sum of each living process's peak above its present RSS: an upper bound, as they need not peak at once.

    What began and ended in between is not in it.
    """
    return float(sum(max(0, peak - now) for peak, now in (_levels(proc / str(each.pid)) for each in _tree(root))))


def _levels(folder: Path) -> tuple[int, int]:
    """Peak and present resident bytes of a process; nothing of one that has ended."""
    try:
        lines = (folder / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines)
    peak, now = (int(fields[name].split()[0]) * _KILOBYTE if name in fields else 0 for name in ("VmHWM", "VmRSS"))
    return peak, now


def _tree(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]

"""Memory of process trees, what breaks while a load runs, and CPU time between two moments from samples."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil
from memory_profiler import memory_usage

from bench.errors import DisturbedError, LabError
from bench.measure.instruments.file_pages import left_to_others_bytes

CLOCK_SECONDS = 0.1  # more than a clock that is only slewed drifts in a load
MEBIBYTE = 2**20


class CpuSample(msgspec.Struct, frozen=True):
    """CPU seconds used by a tree since its start, at `at` (seconds of the epoch)."""

    at: float
    cpu_seconds: float


@contextmanager
def unbroken(root: psutil.Process) -> Iterator[None]:
    """Raises LabError at the block's end if a process of the tree that stood at its beginning is gone."""
    before = [root, *root.children(recursive=True)]
    yield
    ended = [process for process in before if not _lives(process)]
    if ended:
        raise LabError(f"{len(ended)} of {len(before)} server processes ended under the load")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def steady_clock() -> Iterator[None]:
    """Raises LabError if the clock was set while the block ran: samples and answers are matched by its time."""
    before = time.time() - time.monotonic()
    yield
    jump = time.time() - time.monotonic() - before
    if abs(jump) > CLOCK_SECONDS:
        raise DisturbedError(f"the clock was set by {jump:+.1f} s under the load")


def pss_bytes(root: psutil.Process) -> float:
    """Proportional set size of the tree: memory_profiler's PSS, and what that leaves to processes outside the tree.

    Each page counts once and whole. One reading takes 3 to 9 ms; the PSS alone 1 to 3.
    """
    (sample,) = memory_usage(root.pid, interval=0.0, include_children=True, backend="psutil_pss")
    tree = (root, *root.children(recursive=True))
    return float(sample) * MEBIBYTE + left_to_others_bytes(process.pid for process in tree)


def used_between(samples: list[CpuSample], start: float, end: float) -> tuple[float, float]:
    """CPU seconds used in the longest span of whole samples inside `start` … `end`, and that span's seconds.

    The span is a little shorter than asked for; dividing the one by the other gives a rate that is not skewed by it.
    Raises LabError where there are not two samples.
    """
    times = [sample.at for sample in samples]
    first, last = bisect_left(times, start), bisect_left(times, end) - 1
    if last <= first:
        raise DisturbedError(
            "too few CPU samples within the measured part of the load: the machine stalled or it is too short"
        )
    return samples[last].cpu_seconds - samples[first].cpu_seconds, times[last] - times[first]

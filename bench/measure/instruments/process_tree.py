"""Process trees: their memory, checks during a load, and CPU time between two times from samples."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil
from memory_profiler import memory_usage

from bench.errors import DisturbedError, LabError
from bench.measure.instruments.file_pages import uncounted_bytes

CLOCK_SECONDS = 0.1  # more than slewing moves the clock during a load
MEBIBYTE = 2**20


class CpuSample(msgspec.Struct, frozen=True):
    """CPU seconds that a process tree has used since its start, at the time `at` (seconds of the epoch)."""

    at: float
    cpu_seconds: float


@contextmanager
def require_alive(*roots: psutil.Process) -> Iterator[None]:
    """Raise LabError at the end of the block if any process of the trees has ended since its beginning."""
    before = [each for root in roots for each in (root, *root.children(recursive=True))]
    yield
    ended = [process for process in before if not is_alive(process)]
    if ended:
        raise LabError(f"{len(ended)} of {len(before)} server processes ended under the load")


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; an ended process that its parent has not reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def require_steady_clock() -> Iterator[None]:
    """Raise DisturbedError if the clock was set during the block, because samples and answers are matched by it."""
    before = time.time() - time.monotonic()
    yield
    jump = time.time() - time.monotonic() - before
    if abs(jump) > CLOCK_SECONDS:
        raise DisturbedError(f"the clock was set by {jump:+.1f} s under the load")


def pss_bytes(*roots: psutil.Process) -> float:
    """Return the PSS of trees from memory_profiler, corrected for pages shared with processes outside them.

    Each page counts once and in full. One reading takes 3 to 9 ms, of which the PSS takes 1 to 3.
    """
    uncounted = uncounted_bytes(each.pid for root in roots for each in (root, *root.children(recursive=True)))
    samples = [memory_usage(root.pid, interval=0.0, include_children=True, backend="psutil_pss")[0] for root in roots]
    return sum(map(float, samples)) * MEBIBYTE + uncounted


def cpu_between(samples: list[CpuSample], start: float, end: float) -> tuple[float, float]:
    """Return the CPU seconds between the first and the last sample from `start` to `end`, and the seconds between them.

    Their quotient is unbiased, although the span is slightly shorter than requested. Raises DisturbedError if there are
    fewer than two samples.
    """
    times = [sample.at for sample in samples]
    first, last = bisect_left(times, start), bisect_left(times, end) - 1
    if last <= first:
        raise DisturbedError("too few CPU samples of the generator: the load is too short or the machine stalled")
    return samples[last].cpu_seconds - samples[first].cpu_seconds, times[last] - times[first]

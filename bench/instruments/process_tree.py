"""CPU time and proportional memory (PSS) of process trees, sampled while a load runs."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import TracebackType
from typing import Self

import msgspec
import psutil
from memory_profiler import memory_usage

from bench.cpu_time import of_tree
from bench.errors import DisturbedError, LabError
from bench.instruments.file_pages import left_to_others_bytes

CPU_SAMPLE_SECONDS = 0.2  # to find the tree's processes is to read all of the machine's: not more often than needed
MEMORY_EVERY = 2  # one PSS sample to so many CPU samples: reading smaps stops the process for a moment
CLOCK_SECONDS = 0.1  # more than a clock that is only slewed drifts in a load
MEBIBYTE = 2**20


class Sample(msgspec.Struct, frozen=True):
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


class Sampler(Thread):
    """Samples one tree until the block ends: `cpu` at 5 Hz, and `memory` as (epoch seconds, bytes) half as often.

    Of what is not measured itself no `memory` is needed, and looking at it costs.
    """

    def __init__(self, root: psutil.Process, memory: bool = True) -> None:
        super().__init__(daemon=True)
        self.cpu: list[Sample] = []
        self.memory: list[tuple[float, float]] = []
        self._root, self._over, self._looks, self._meter = root, Event(), memory, of_tree(root)

    def run(self) -> None:
        """Take samples until the tree or the block ends."""
        turn = 0
        while not self._over.wait(CPU_SAMPLE_SECONDS):
            try:
                self.cpu.append(Sample(time.time(), self._meter.read()))
                if self._looks and turn % MEMORY_EVERY == 0:
                    self.memory.append((time.time(), pss_bytes(self._root)))
            except psutil.NoSuchProcess:
                return
            turn += 1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self.join()


def used_between(samples: list[Sample], start: float, end: float) -> tuple[float, float]:
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

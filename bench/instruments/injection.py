"""The plan of an open load: what Gatling is told, when requests should start, and how the starts kept to it."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import LabError
from bench.model import Load, Segment

WINDOW_MS = 250


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Requests planned and started in each window of `WINDOW_MS`, and the largest difference as a share of the plan.

    One request more or less is rounding and counts as none.
    """

    planned: tuple[float, ...]
    started: tuple[int, ...]
    deviation: float


def argument(load: Load, rate: float) -> str:
    """`load` at `rate` requests per second as `START:END:SECONDS,…` in requests per second, the lead-in first.

    The lead-in runs at the load's mean rate. Raises LabError for parts of seconds, which Gatling would cut off.
    """
    seconds = sum(segment.seconds for segment in load.segments)
    mean = sum(segment.seconds * (segment.start + segment.end) / 2 for segment in load.segments) / seconds
    lead_in = Segment(seconds=load.lead_in_seconds, start=mean, end=mean)
    return ",".join(
        f"{rate * segment.start:.3f}:{rate * segment.end:.3f}:{whole(load, segment.seconds)}"
        for segment in (lead_in, *load.segments)
    )


def whole(load: Load, seconds: float) -> int:
    """`seconds` as an int. Raises LabError if it is none."""
    if seconds != int(seconds):
        raise LabError(f"load {load.name!r}: {seconds} s: generators take whole seconds only")
    return int(seconds)


def planned(load: Load, rate: float) -> NDArray[np.float64]:
    """Requests to start in each window.

    Gatling rounds a constant segment to a whole number of requests, and climbs a ramp by steps of one second.
    """
    steps: list[float] = []
    for segment in load.segments:
        seconds = whole(load, segment.seconds)
        if segment.start == segment.end:
            steps += [round(rate * segment.start * seconds) / seconds] * seconds
        else:
            climb = (segment.end - segment.start) / seconds
            steps += [rate * (segment.start + climb * (second + 0.5)) for second in range(seconds)]
    return np.repeat(steps, 1000 // WINDOW_MS) * WINDOW_MS / 1000


def kept(load: Load, rate: float, start: NDArray[np.int64]) -> Kept:
    """How the starts (ms, of any origin) kept to the plan: it began where it makes no start early, and one on time."""
    plan = planned(load, rate)
    edges = WINDOW_MS * np.arange(len(plan) + 1)
    due = np.interp(np.arange(len(start)), np.concatenate([[0.0], np.cumsum(plan)]), edges)
    began = np.min(np.sort(start) - due)
    started, _ = np.histogram(start - began, edges)
    off = np.maximum(np.abs(started - plan) - 1, 0)
    return Kept(
        planned=tuple(float(count) for count in plan),
        started=tuple(int(count) for count in started),
        deviation=float(np.max(off / np.maximum(plan, 1))),
    )

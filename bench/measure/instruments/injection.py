"""The plan of a load: what is sent in turn, when requests should start, and how Gatling's starts kept to it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import LabError
from bench.model import Load, Segment

WINDOW_MS = 250
GRID_SECONDS = 0.001  # of the integral of a load's rate


class Injection(msgspec.Struct, frozen=True, kw_only=True):
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
    mean = mean_share(load)
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


def rotation(weights: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of the exchanges in the order in which they are sent, round and round.

    Each comes as often as it weighs. Where all weigh alike they keep their order; else it is shuffled, always the same.
    """
    order = np.repeat(np.arange(len(weights)), weights)
    return order if len(set(weights)) == 1 else np.random.default_rng(0).permutation(order)


def arrivals(load: Load, rate: float, seed: int) -> NDArray[np.float64]:
    """When the requests of an open load are due, in seconds from the start of its lead-in, earliest first.

    They come as a Poisson process does, given their number: independent users know nothing of each other (Cox & Lewis,
    1966, theorem 2.1). Evenly spaced ones would never queue at a server that is always equally fast.
    """
    edges = np.cumsum([0.0, load.lead_in_seconds, *(segment.seconds for segment in load.segments)])
    at = np.arange(0.0, edges[-1] + GRID_SECONDS / 2, GRID_SECONDS)
    part = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(load.segments))
    plan = np.array([(mean := mean_share(load), mean), *((each.start, each.end) for each in load.segments)])
    within = (at - edges[part]) / np.maximum(np.diff(edges)[part], GRID_SECONDS)
    shares = plan[part, 0] + (plan[part, 1] - plan[part, 0]) * within
    due = np.concatenate([[0.0], np.cumsum((shares[1:] + shares[:-1]) / 2) * GRID_SECONDS * rate])
    uniform = np.random.default_rng(seed).uniform(0.0, due[-1], max(1, round(due[-1])))
    found: NDArray[np.float64] = np.interp(np.sort(uniform), due, at)
    return found


def mean_share(load: Load) -> float:
    """The mean of an open load's segments, in shares of its rate."""
    return sum(each.seconds * (each.start + each.end) / 2 for each in load.segments) / sum(
        each.seconds for each in load.segments
    )


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


def kept(load: Load, rate: float, start: NDArray[np.int64]) -> Injection:
    """How the starts (ms, of any origin) kept to the plan: it began where it makes no start early, and one on time."""
    plan = planned(load, rate)
    edges = WINDOW_MS * np.arange(len(plan) + 1)
    due = np.interp(np.arange(len(start)), np.concatenate([[0.0], np.cumsum(plan)]), edges)
    began = np.min(np.sort(start) - due)
    started, _ = np.histogram(start - began, edges)
    off = np.maximum(np.abs(started - plan) - 1, 0)
    return Injection(
        planned=tuple(float(count) for count in plan),
        started=tuple(int(count) for count in started),
        deviation=float(np.max(off / np.maximum(plan, 1))),
    )

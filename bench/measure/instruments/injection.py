"""The plan of a load: the order of requests, their intended start times, and a comparison with Gatling's starts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import LabError
from bench.model import Load, Segment

WINDOW_MS = 250
GRID_SECONDS = 0.001  # step of the numeric integration of a load's rate


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """Requests planned and started in each window of `WINDOW_MS`, and the largest relative deviation from the plan.

    A difference of one request is rounding and counts as zero.
    """

    planned: tuple[float, ...]
    started: tuple[int, ...]
    deviation: float


def gatling_segments(load: Load, rate: float) -> str:
    """Return `load` at `rate` as `START:END:SECONDS,…` in requests per second, the lead-in first.

    The lead-in runs at the load's mean rate. Raises LabError for fractions of seconds, which Gatling would truncate.
    """
    mean = mean_share(load)
    lead_in = Segment(seconds=load.lead_in_seconds, start=mean, end=mean)
    return ",".join(
        f"{rate * segment.start:.3f}:{rate * segment.end:.3f}:{whole_seconds(load, segment.seconds)}"
        for segment in (lead_in, *load.segments)
    )


def whole_seconds(load: Load, seconds: float) -> int:
    """Return `seconds` as an int. Raises LabError for a fraction."""
    if seconds != int(seconds):
        raise LabError(f"load {load.name!r}: {seconds} s: Gatling requires whole seconds")
    return int(seconds)


def rotation(weights: Sequence[int]) -> NDArray[np.int64]:
    """Return the indices of the exchanges in sending order. The order is repeated until the load ends.

    Each exchange occurs as often as its weight. With equal weights the order is ascending, otherwise it is shuffled
    with a fixed seed.
    """
    order = np.repeat(np.arange(len(weights)), weights)
    return order if len(set(weights)) == 1 else np.random.default_rng(0).permutation(order)


def arrivals(load: Load, rate: float, seed: int) -> NDArray[np.float64]:
    """Return the intended start times of an open load, ascending, in seconds from the start of its lead-in.

    They are a Poisson process, conditional on its number of arrivals, as independent users produce it (Cox & Lewis,
    1966, theorem 2.1). Evenly spaced requests would never queue at a server with constant service time. With `burst`
    they arrive at even intervals nevertheless, that many at once.
    """
    edges = np.cumsum([0.0, load.lead_in_seconds, *(segment.seconds for segment in load.segments)])
    at = np.arange(0.0, edges[-1] + GRID_SECONDS / 2, GRID_SECONDS)
    part = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(load.segments))
    plan = np.array([(mean := mean_share(load), mean), *((each.start, each.end) for each in load.segments)])
    within = (at - edges[part]) / np.maximum(np.diff(edges)[part], GRID_SECONDS)
    shares = plan[part, 0] + (plan[part, 1] - plan[part, 0]) * within
    due = np.concatenate([[0.0], np.cumsum((shares[1:] + shares[:-1]) / 2) * GRID_SECONDS * rate])
    count = max(1, round(due[-1]))
    if load.burst:
        bursts = max(1, round(count / load.burst))
        places = np.repeat((np.arange(bursts) + 0.5) / bursts * due[-1], load.burst)
    else:
        places = np.sort(np.random.default_rng(seed).uniform(0.0, due[-1], count))
    found: NDArray[np.float64] = np.interp(places, due, at)
    return found


def mean_share(load: Load) -> float:
    """Return the mean rate of an open load's segments, as a share of its rate."""
    return sum(each.seconds * (each.start + each.end) / 2 for each in load.segments) / sum(
        each.seconds for each in load.segments
    )


def planned(load: Load, rate: float) -> NDArray[np.float64]:
    """Return the number of requests to start in each window.

    Gatling rounds a constant segment to a whole number of requests, and raises a ramp in steps of one second.
    """
    steps: list[float] = []
    for segment in load.segments:
        seconds = whole_seconds(load, segment.seconds)
        if segment.start == segment.end:
            steps += [round(rate * segment.start * seconds) / seconds] * seconds
        else:
            climb = (segment.end - segment.start) / seconds
            steps += [rate * (segment.start + climb * (second + 0.5)) for second in range(seconds)]
    return np.repeat(steps, 1000 // WINDOW_MS) * WINDOW_MS / 1000


def compare_to_plan(load: Load, rate: float, start: NDArray[np.int64]) -> Injection:
    """Compare the starts (in ms, of any origin) to the plan.

    The plan's origin is the latest one for which no start is early.
    """
    plan = planned(load, rate)
    edges = WINDOW_MS * np.arange(len(plan) + 1)
    due = np.interp(np.arange(len(start)), np.concatenate([[0.0], np.cumsum(plan)]), edges)
    began = np.min(np.sort(start) - due)
    started, _ = np.histogram(start - began, edges)
    difference = np.maximum(np.abs(started - plan) - 1, 0)
    return Injection(
        planned=tuple(float(count) for count in plan),
        started=tuple(int(count) for count in started),
        deviation=float(np.max(difference / np.maximum(plan, 1))),
    )

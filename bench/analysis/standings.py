"""Stacks ranked on one workload under one load, each compared with the best, for races and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bench.analysis.comparison import Comparison, as_a_family
from bench.analysis.pooled import Pooled
from bench.analysis.spread import pooled, right
from bench.analysis.stats import LEVEL, Ratio
from bench.analysis.text import interval, times
from bench.model import Catalog, RankedBy, Run, Stack

COSTS = {"cpu": "server CPU per request", "rate": "time between answers"}
SLOWER = 1.1  # a stack is slow beyond this multiple of the shortest time between answers


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A stack in a ranking: `behind` is its cost ÷ that of the `best`, from `servers` fresh servers.

    The cost in `seconds` is server CPU per request, or the time between answers if ranked `by` rate. The best has no
    ratio.
    """

    stack: Stack
    best: Stack
    by: RankedBy
    behind: Comparison
    seconds: float
    servers: int


def standings(catalog: Catalog, runs: Iterable[Run], level: float = LEVEL, floor: float = 0.0) -> list[Standing]:
    """The stacks in the runs of one workload under one load, the best first. Stacks with a failed run are left out.

    Where requests mostly wait, slow stacks rank last, by rate: the number of requests that wait at a time decides
    first. The best is the one of the others with the least server CPU. The intervals of the stacks that are ranked by
    CPU hold simultaneously at `level`. A stack is significantly worse than the best if its interval lies beyond the
    noise `floor`.
    """
    own = right(runs)
    time = pooled(own, "rate")
    if time is None:
        return []
    slow = _slow(time) if _by_rate(catalog, own) else set()
    # A stack that serves one request at a time answers few while they wait, and its CPU scatters more: its own fit.
    cpu = pooled({stack: own[stack] for stack in time.stacks if stack not in slow}, "cpu")
    cpu_of_slow = pooled({stack: own[stack] for stack in slow}, "cpu")
    if cpu is None:
        return []
    ratios = cpu.to_the_best(level=level)
    best, *_ = ratios
    behind = {stack: _to_the_best(ratio, floor, len(ratios) - 1) for stack, ratio in ratios.items()}
    behind[best] = Comparison(reason="the best")
    later = sorted(cpu_of_slow.stacks, key=lambda stack: (time.cost(stack), str(stack))) if cpu_of_slow else []
    held = as_a_family([Comparison(ratio=time.ratio(stack, best), floor=floor) for stack in later])
    behind |= dict(zip(later, held, strict=True))
    return [
        Standing(
            stack=stack,
            best=best,
            by="rate" if stack in slow else "cpu",
            behind=each,
            seconds=fit.cost(stack),
            servers=fit.servers(stack),
        )
        for stack, each in behind.items()
        if (fit := cpu_of_slow if stack in slow else cpu)
    ]


def relative_cost(standing: Standing) -> str:
    """The cost of a stack relative to the best, as text."""
    ratio = standing.behind.ratio
    if ratio is None:
        return "the best"
    return f"{times(ratio)} ({interval(ratio)}) the {COSTS[standing.by]} of {standing.best}"


def _to_the_best(ratio: Ratio, floor: float, among: int) -> Comparison:
    """Judge a ratio whose interval holds simultaneously with the others': no further adjustment for the family."""
    significant = ratio.low is not None and ratio.low > 1 + floor
    return Comparison(ratio=ratio, floor=floor, among=among, significant=significant, smallest=ratio.smallest(floor))


def _by_rate(catalog: Catalog, own: Mapping[Stack, list[Run]]) -> bool:
    """Whether the workload is ranked by answers per second first."""
    run = next(iter(own.values()))[0]
    return catalog.workloads[run.case.workload or ""].ranked_by == "rate"


def _slow(time: Pooled[Stack]) -> set[Stack]:
    """The stacks whose time between answers exceeds `SLOWER` times the shortest with their whole interval."""
    quickest = min(time.stacks, key=time.cost)
    ratios = {stack: time.ratio(stack, quickest) for stack in time.stacks if stack != quickest}
    return {stack for stack, ratio in ratios.items() if (ratio.estimate if ratio.low is None else ratio.low) > SLOWER}

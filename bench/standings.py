"""Stacks ranked on one workload under one load, each compared with the best: for races and for reports."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

import msgspec

from bench import catalog
from bench.model import RankedBy, Run, Stack
from bench.report.comparison import Comparison, as_a_family
from bench.report.wording import interval, times
from bench.spread import pooled, right
from bench.stats import LEVEL, Ratio

COSTS = {"cpu": "server CPU a request", "rate": "time between answers"}
SLOWER = 1.1  # times the time between answers of the quickest, from which on a stack is slower than that


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stack stands: `behind` is its cost ÷ that of the best, by so many fresh `servers`; `best` is the first.

    The cost is server CPU per request, in `seconds`, or the time between answers if it is behind `by` rate. The best
    has no ratio.
    """

    stack: Stack
    best: Stack
    by: RankedBy
    behind: Comparison
    seconds: float
    servers: int


def standings(runs: Iterable[Run], level: float = LEVEL, floor: float = 0.0) -> list[Standing]:
    """The stacks of the runs of one workload under one load, the best first; none of a stack of which a run failed.

    Where a request mostly waits, the best is that of the quickest which spends the least CPU: how many wait at a time
    decides first. The intervals of all that are ranked by CPU hold together at `level`. A stack is claimed to be worse
    than the best if its interval lies beyond the noise `floor`.
    """
    own = right(runs)
    cpu, time = pooled(own, "cpu"), pooled(own, "rate")
    if cpu is None or time is None:
        return []
    slow = {stack for stack, measured in own.items() if _is_slow(measured, own.values())}
    ratios = cpu.to_the_best(own.keys() - slow, level)
    best, *_ = ratios
    behind = {stack: _to_the_best(ratio, floor, len(ratios) - 1) for stack, ratio in ratios.items()}
    later = sorted(slow, key=lambda stack: (time.cost(stack), str(stack)))
    behind[best] = Comparison(reason="the best")
    held = as_a_family([Comparison(ratio=time.ratio(stack, best), floor=floor) for stack in later])
    behind |= dict(zip(later, held, strict=True))
    return [
        Standing(
            stack=stack,
            best=best,
            by="rate" if stack in slow else "cpu",
            behind=each,
            seconds=cpu.cost(stack),
            servers=cpu.servers(stack),
        )
        for stack, each in behind.items()
    ]


def told(standing: Standing) -> str:
    """How far a stack is behind the best, in words."""
    ratio = standing.behind.ratio
    if ratio is None:
        return "the best"
    return f"{times(ratio)} ({interval(ratio)}) the {COSTS[standing.by]} of {standing.best}"


def _to_the_best(ratio: Ratio, floor: float, among: int) -> Comparison:
    """One of the ratios whose intervals hold together: no further allowance is made for the family."""
    claimed = ratio.low is not None and ratio.low > 1 + floor
    return Comparison(ratio=ratio, floor=floor, among=among, claimed=claimed, smallest=ratio.smallest(floor))


def _is_slow(own: list[Run], everyone: Iterable[list[Run]]) -> bool:
    """Whether a stack answers fewer requests than the quickest, where that is what its workload is ranked by first."""
    if catalog.workloads()[own[0].case.workload or ""].ranked_by != "rate":
        return False
    return _mean(own, "rate") * SLOWER < max(_mean(runs, "rate") for runs in everyone)


def _mean(runs: list[Run], metric: str) -> float:
    return mean(value for run in runs for value in run.values(metric))

"""Stacks ranked on one workload under one load, each held against the best: for races and for reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean

import msgspec

from bench import catalog
from bench.model import Run, Stack, stack_of
from bench.report.comparison import Comparison, as_a_family, paired
from bench.report.wording import interval, times
from bench.stats import Ratio

COSTS = {"cpu": "server CPU a request", "rate": "time between answers"}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stack stands: `cost` is seconds of what its workload is ranked by, the mean over so many fresh `servers`.

    `behind` is that ÷ the cost of the `best`, by pairs within blocks; the best itself has no such ratio.
    """

    stack: Stack
    cost: float
    best: Stack
    behind: Comparison
    servers: int


def standings(runs: Iterable[Run], floor: float | None) -> list[Standing]:
    """The stacks of the runs of one workload under one load, the best first; none of a stack of which a run failed.

    All but the best are one family of comparisons with it, beyond the noise floor; none is claimed without one.
    """
    by_stack: dict[Stack, list[Run]] = defaultdict(list)
    for run in runs:
        by_stack[stack_of(run.case)].append(run)
    right = {stack: own for stack, own in by_stack.items() if all(run.verdict == "pass" for run in own)}
    costs = {stack: mean(map(_cost, own)) for stack, own in right.items()}
    ranked = sorted(costs, key=costs.__getitem__)
    held = as_a_family([Comparison(ratio=_behind(right[stack], right[ranked[0]]), floor=floor) for stack in ranked[1:]])
    return [
        Standing(stack=stack, cost=costs[stack], best=ranked[0], behind=behind, servers=len(right[stack]))
        for stack, behind in zip(ranked, [Comparison(reason="the best"), *held], strict=False)
    ]


def ranked_by(workload: str) -> str:
    """What stacks are ranked by there, in words; less is better."""
    return COSTS[catalog.workloads()[workload].ranked_by]


def told(standing: Standing, workload: str) -> str:
    """How far a stack is behind the best, in words."""
    ratio = standing.behind.ratio
    if ratio is None:
        return f"the least {ranked_by(workload)}"
    return f"{times(ratio)} ({interval(ratio)}) the {ranked_by(workload)} of {standing.best}"


def _cost(run: Run) -> float:
    """Seconds a request, of what the run's workload is ranked by."""
    by = catalog.workloads()[run.case.workload or ""].ranked_by
    (value,) = run.values(by)
    return 1 / value if by == "rate" else value


def _behind(runs: list[Run], best: list[Run]) -> Ratio | None:
    """The cost of `runs` ÷ that of `best`; a rate is the less the more time lies between answers."""
    by = catalog.workloads()[runs[0].case.workload or ""].ranked_by
    return paired(best, runs, by) if by == "rate" else paired(runs, best, by)

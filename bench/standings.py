"""Stacks ranked on one workload under one load, each held against the best: for races and for reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean

import msgspec

from bench import catalog
from bench.model import RankedBy, Run, Stack, stack_of
from bench.report.comparison import Comparison, as_a_family, paired
from bench.report.wording import interval, times

COSTS = {"cpu": "server CPU a request", "rate": "time between answers"}
SLOWER = 1.1  # times the time between answers of the quickest, from which on a stack is slower than that


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stack stands: `behind` is its cost ÷ that of the `best`, in pairs within blocks, by so many `servers`.

    The cost is server CPU per request, or the time between answers if it is behind `by` rate. The best has no ratio.
    """

    stack: Stack
    best: Stack
    by: RankedBy
    behind: Comparison
    servers: int


def standings(runs: Iterable[Run], floor: float) -> list[Standing]:
    """The stacks of the runs of one workload under one load, the best first; none of a stack of which a run failed.

    Where a request mostly waits, the best is that of the quickest which spends the least CPU: how many wait at a time
    decides first. All but the best are one family of comparisons with it, beyond the noise floor.
    """
    by_stack: dict[Stack, list[Run]] = defaultdict(list)
    for run in runs:
        by_stack[stack_of(run.case)].append(run)
    right = {stack: own for stack, own in by_stack.items() if all(run.verdict == "pass" for run in own)}
    slow = {stack: own for stack, own in right.items() if _is_slow(own, right.values())}
    ranked = sorted(right.keys() - slow.keys(), key=lambda stack: (_mean(right[stack], "cpu"), str(stack)))
    ranked += sorted(slow, key=lambda stack: (-_mean(slow[stack], "rate"), str(stack)))
    ratios = [
        paired(right[ranked[0]], right[stack], "rate")
        if stack in slow
        else paired(right[stack], right[ranked[0]], "cpu")
        for stack in ranked[1:]
    ]
    held = as_a_family([Comparison(ratio=ratio, floor=floor) for ratio in ratios])
    return [
        Standing(
            stack=stack,
            best=ranked[0],
            by="rate" if stack in slow else "cpu",
            behind=behind,
            servers=len(right[stack]),
        )
        for stack, behind in zip(ranked, [Comparison(reason="the best"), *held], strict=False)
    ]


def told(standing: Standing) -> str:
    """How far a stack is behind the best, in words."""
    ratio = standing.behind.ratio
    if ratio is None:
        return "the best"
    return f"{times(ratio)} ({interval(ratio)}) the {COSTS[standing.by]} of {standing.best}"


def _is_slow(own: list[Run], everyone: Iterable[list[Run]]) -> bool:
    """Whether a stack answers fewer requests than the quickest, where that is what its workload is ranked by first."""
    if catalog.workloads()[own[0].case.workload or ""].ranked_by != "rate":
        return False
    return _mean(own, "rate") * SLOWER < max(_mean(runs, "rate") for runs in everyone)


def _mean(runs: list[Run], metric: str) -> float:
    return mean(value for run in runs for value in run.values(metric))

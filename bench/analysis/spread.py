"""From runs under one load to the costs of their stacks, fitted with one spread (`bench.analysis.pooled`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from bench.analysis.pooled import Pooled, S
from bench.model import Run, Stack, stack_of

POOLED = {"cpu", "rate"}  # metrics whose spread between servers is alike for all stacks; that of memory is not


def right(runs: Iterable[Run]) -> dict[Stack, list[Run]]:
    """The plain runs of each stack. Stacks with a failed run are left out."""
    found: dict[Stack, list[Run]] = defaultdict(list)
    for run in runs:
        if run.case.is_plain:
            found[stack_of(run.case)].append(run)
    return {stack: own for stack, own in found.items() if all(run.verdict == "pass" for run in own)}


def pooled(runs: Mapping[S, Sequence[Run]], metric: str) -> Pooled[S] | None:
    """Fit the `metric` of stacks under one load as costs. The cost of a rate is the time between answers.

    Runs without the metric, or with a value of 0, are left out; None where nothing is left.
    """
    power = -1 if metric == "rate" else 1
    costs = {
        stack: {run.block: level**power for run in own if (level := mean(run.values(metric) or (0.0,)))}
        for stack, own in runs.items()
    }
    known = {stack: own for stack, own in costs.items() if own}
    return Pooled(known) if known else None

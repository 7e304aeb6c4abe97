"""Runs under one load → the costs of their stacks, compared with one spread (`bench.analysis.pooled`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from bench.analysis.pooled import Pooled, S
from bench.model import Run, Stack, stack_of

POOLED = {"cpu", "rate"}  # what scatters alike from server to server, whatever the stack; memory does not


def right(runs: Iterable[Run]) -> dict[Stack, list[Run]]:
    """The runs of each stack that measure it as it is; none of a stack of which one failed."""
    found: dict[Stack, list[Run]] = defaultdict(list)
    for run in runs:
        if run.case.is_plain:
            found[stack_of(run.case)].append(run)
    return {stack: own for stack, own in found.items() if all(run.verdict == "pass" for run in own)}


def pooled(runs: Mapping[S, Sequence[Run]], metric: str) -> Pooled[S] | None:
    """The `metric` of stacks under one load, as costs: a rate is taken as the time between answers.

    Without the stacks that were not asked for it, and the servers whose clock told of none; None where none is left.
    """
    power = -1 if metric == "rate" else 1
    costs = {
        stack: {run.block: level**power for run in own if (level := mean(run.values(metric) or (0.0,)))}
        for stack, own in runs.items()
    }
    known = {stack: own for stack, own in costs.items() if own}
    return Pooled(known) if known else None

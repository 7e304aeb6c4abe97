"""Servers that disagree: a stack of which one server lies far from its equals gets another one, in a block of its own.

One stands in such a block beside the best of its workload, so that what strikes the whole block cancels here, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bench.model import Again, Run, Stack
from bench.plan import Phase
from bench.spread import pooled, right


def servers_again(phase: Phase, runs: Iterable[Run]) -> tuple[Phase, tuple[Again, ...]] | None:
    """The block after those of `phase` for the stacks whose servers disagree in it, and those; None where none do."""
    blocks = range(phase.first, phase.first + phase.blocks)
    entered = {case.identity for case in phase.cases}
    by_load: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.case.identity in entered and run.case.is_plain and run.block in blocks:
            by_load[run.case.workload or "", run.case.load or ""].append(run)
    again, beside = [], set()
    for (workload, load), own in by_load.items():
        doubtful, best = _disagreeing(own)
        again += [Again(stack, workload, load, blocks.stop) for stack in doubtful]
        beside |= {(best, workload, load)} if doubtful else set()
    chosen = beside | {(each.stack, each.workload, each.load) for each in again}
    cases = tuple(c for c in phase.cases if c.is_plain and (c.stack, c.workload, c.load) in chosen)
    return (Phase("again", 1, cases, first=blocks.stop), tuple(again)) if again else None


def _disagreeing(runs: list[Run]) -> tuple[tuple[Stack, ...], Stack | None]:
    """Of the stacks of a load those whose servers disagree, and the best of all."""
    costs = pooled(right(runs), "cpu")
    return (costs.disagreeing(), min(costs.stacks, key=costs.cost)) if costs else ((), None)

"""Servers that disagree: a stack of which one server lies far from its equals gets another one, in a block of its own.

It shares that block with the best of its workload, so that what strikes the whole block cancels here, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import store
from bench.analysis.spread import pooled, right
from bench.model import Again, MacroCase, Phase, Run, Session


def measure(phase: Phase, folder: Path, measured: Callable[[Phase], None], say: Callable[[str], None]) -> None:
    """Another server for each stack whose servers disagree in that phase; the session in `folder` tells which."""
    found = servers_again(phase, store.runs(folder))
    if found is None:
        return
    more, again = found
    known = store.read(folder / "session.json", Session).again
    store.note(folder, again=tuple(dict.fromkeys((*known, *again))))
    say(f"servers disagree, so each gets an extra one: {', '.join(str(each.stack) for each in again)}")
    measured(more)


def servers_again(phase: Phase, runs: Iterable[Run]) -> tuple[Phase, tuple[Again, ...]] | None:
    """The block after those of `phase` for the stacks of which a server in them lies far from the others, and those.

    Servers of earlier blocks under the same load count as equals. None where all agree.
    """
    blocks = range(phase.first, phase.first + phase.blocks)
    entered = {case.identity for case in phase.cases}
    by_load: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        case = run.case
        if isinstance(case, MacroCase) and case.identity in entered and run.block < blocks.stop:
            by_load[case.workload, case.load].append(run)
    again, beside = [], set()
    for (workload, load), own in by_load.items():
        costs = pooled(right(own), "cpu")
        doubtful = [stack for stack, block in costs.disagreeing().items() if block in blocks] if costs else []
        again += [Again(stack, workload, load, blocks.stop) for stack in doubtful]
        beside |= {(min(costs.stacks, key=costs.cost), workload, load)} if costs and doubtful else set()
    chosen = beside | {(each.stack, each.workload, each.load) for each in again}
    cases = tuple(c for c in phase.cases if c.is_plain and (c.stack, c.workload, c.load) in chosen)
    return (Phase("again", 1, cases, first=blocks.stop), tuple(again)) if again else None

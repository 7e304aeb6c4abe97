"""Extra servers: a stack whose servers disagree gets another fresh one, in an extra block.

The best stack of the workload shares that block, so that a disturbance of the whole block cancels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import store
from bench.analysis.spread import pooled, right
from bench.model import Again, MacroCase, Phase, Run, Session


def measure(phase: Phase, folder: Path, measured: Callable[[Phase], None], say: Callable[[str], None]) -> None:
    """Measure another server for each stack whose servers disagree in the phase, and note it in the session."""
    found = servers_again(phase, store.runs(folder))
    if found is None:
        return
    more, again = found
    known = store.read(folder / "session.json", Session).again
    store.note(folder, again=tuple(dict.fromkeys((*known, *again))))
    say(f"extra server for stacks whose servers disagree: {', '.join(str(each.stack) for each in again)}")
    measured(more)


def servers_again(phase: Phase, runs: Iterable[Run]) -> tuple[Phase, tuple[Again, ...]] | None:
    """The extra block after `phase`, and the stacks with a server in the phase that lies far from their others.

    Servers of earlier blocks under the same load count as well. None where all servers agree.
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

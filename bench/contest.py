"""The runs of the closed loads → the open loads, for the best stack and the baseline behind the same server."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import msgspec

from bench import gates
from bench.model import Case, OpenPlan, Run, Stack, Study
from bench.plan import Phase, stack_case
from bench.spread import pooled, right


def contenders(study: Study, runs: Iterable[Run]) -> Phase | None:
    """The open loads, of each workload for the winner of its closed one and the baseline behind the same server.

    The winner spends the least server CPU per request; so does the peer that stands beside it, if there are any. All
    are driven at one rate, a share of the baseline's capacity, and by some loads the winner and that peer at that share
    of their own; where Gatling can drive less than that capacity, it is a share of what that can.
    None if the study asks for no open load, or if no closed one left a winner and a baseline capacity.
    """
    if not study.open:
        return None
    passed = [run for run in runs if run.case.instrument == "macro" and run.verdict == "pass" and run.case.rate is None]
    cases: list[Case] = []
    for workload in study.workloads:
        loads = study.macro.loads_for(workload) if study.macro else ()
        closed = [run for run in passed if run.case.workload == workload and run.case.load in loads]
        cases += _contest(study, study.open, workload, closed)
    return Phase("open", study.open.runs, tuple(cases)) if cases else None


def _contest(study: Study, asked: OpenPlan, workload: str, closed: list[Run]) -> list[Case]:
    """The cases of the open loads of one workload, from the runs of its closed one."""
    winner, peer = (winning_stack(run for run in closed if is_peer == _is_of_peer(run)) for is_peer in (False, True))
    if winner is None:
        return []
    baseline = msgspec.structs.replace(winner, variant=study.baseline)
    best = [stack for stack in (winner, peer) if stack]
    shares = {s: _share(asked.share, [run for run in closed if run.case.stack == s]) for s in (baseline, *best)}
    common = shares[baseline]
    if common is None:
        return []
    driven = [(load, stack, common) for load in asked.loads for stack in (baseline, *best)]
    driven += [(load, stack, shares[stack] or common) for load in asked.own for stack in best]
    return [stack_case("macro", stack, workload, load, rate) for load, stack, rate in dict.fromkeys(driven)]


def _is_of_peer(run: Run) -> bool:
    return run.case.stack is not None and run.case.stack.is_peer


def _share(share: float, closed: list[Run]) -> float | None:
    """A share of what a stack can answer a second, or of what Gatling can ask; None if that was not measured."""
    most = [most for run in closed if (most := gates.drivable(run))]
    return float(f"{share * median(most):.3g}") if most else None


def winning_stack(closed: Iterable[Run]) -> Stack | None:
    """The stack with the least server CPU per request over its fresh servers; None where no stack has a figure."""
    costs = pooled(right(closed), "cpu")
    return min(costs.stacks, key=costs.cost) if costs else None

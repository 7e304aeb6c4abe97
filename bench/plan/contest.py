"""Runs of the closed loads → the open loads of the best stack of each server program and of every peer."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.analysis.capacity import drivable
from bench.analysis.standings import standings
from bench.catalog import pairing
from bench.model import Case, MacroCase, OpenPlan, Phase, Plan, Run, Stack, Study


def open_loads(plan: Plan, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload under each open load, each at a share of its own capacity.

    None if the study has no open load, or if no stack passed a closed one.
    """
    asked = plan.study.open
    if not asked:
        return None
    runs = list(runs)
    cases = [
        MacroCase(stack=stack, workload=workload, load=load, rate=rate)
        for workload in plan.study.workloads
        for stack, rate in _rates(plan, asked, workload, runs)
        for load in asked.loads
    ]
    return Phase("open", asked.runs, tuple(cases)) if cases else None


def contenders(plan: Plan, workload: str, runs: Iterable[Run]) -> list[Stack]:
    """The best stack of each server program on `workload`, and every peer, the best first.

    The ranking is the workload's own under the closed load, which leaves out stacks with a failed run.
    """
    first: dict[Stack | str, Stack] = {}
    for standing in standings(plan.catalog, closed(plan.study, workload, runs)):
        stack = standing.stack
        first.setdefault(stack if stack.is_peer else pairing.server_file(plan.catalog, stack).server, stack)
    return list(first.values())


def closed(study: Study, workload: str, runs: Iterable[Run]) -> list[Run]:
    """The runs under the first closed load of `workload`, the source of its ranking and capacities."""
    load = study.macro.loads_for(workload)[0] if study.macro else None
    return [run for run in runs if run.case.instrument == "macro" and _asked(run.case) == (workload, load)]


def _asked(case: Case) -> tuple[str | None, str | None]:
    return case.workload, case.load


def _rates(plan: Plan, asked: OpenPlan, workload: str, runs: list[Run]) -> list[tuple[Stack, float]]:
    """Each contender with the rate, in requests/s, that a segment's 1.0 stands for.

    The rate is a share of the stack's capacity, or of Gatling's where that is smaller.
    """
    measured = closed(plan.study, workload, runs)
    most = {
        stack: [rate for run in measured if run.case.stack == stack and (rate := drivable(run))]
        for stack in contenders(plan, workload, runs)
    }
    return [(stack, float(f"{asked.share * median(rates):.3g}")) for stack, rates in most.items() if rates]

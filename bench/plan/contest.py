"""The runs of the closed loads → the open loads: of each server program the best stack, and every peer."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.analysis.capacity import drivable
from bench.analysis.standings import standings
from bench.catalog import pairing
from bench.model import Case, MacroCase, OpenPlan, Phase, Plan, Run, Stack, Study


def open_loads(plan: Plan, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload under each open load, each at a share of its own capacity.

    None if the study asks for no open load, or if nobody passed a closed one.
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
    """The best stack of each server program on `workload`, and each peer; the best of all first.

    The best is what the workload's ranking says of the closed load, so nothing of which a run failed is among them.
    """
    first: dict[Stack | str, Stack] = {}
    for standing in standings(plan.catalog, closed(plan.study, workload, runs)):
        stack = standing.stack
        first.setdefault(stack if stack.is_peer else pairing.server_file(plan.catalog, stack).server, stack)
    return list(first.values())


def closed(study: Study, workload: str, runs: Iterable[Run]) -> list[Run]:
    """The runs under the first closed load of `workload`: the ranking and the capacities come from there."""
    load = study.macro.loads_for(workload)[0] if study.macro else None
    return [run for run in runs if run.case.instrument == "macro" and _asked(run.case) == (workload, load)]


def _asked(case: Case) -> tuple[str | None, str | None]:
    return case.workload, case.load


def _rates(plan: Plan, asked: OpenPlan, workload: str, runs: list[Run]) -> list[tuple[Stack, float]]:
    """Each contender with the requests per second that are 1 in the open loads.

    That is a share of what it can answer, or of what Gatling can ask where that is less.
    """
    measured = closed(plan.study, workload, runs)
    most = {
        stack: [rate for run in measured if run.case.stack == stack and (rate := drivable(run))]
        for stack in contenders(plan, workload, runs)
    }
    return [(stack, float(f"{asked.share * median(rates):.3g}")) for stack, rates in most.items() if rates]

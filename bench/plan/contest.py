"""The runs of the closed loads → the open loads: of each server program the best stack, and every peer."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.analysis.capacity import drivable
from bench.analysis.standings import standings
from bench.catalog import pairing
from bench.model import Case, OpenPlan, Run, Stack, Study
from bench.plan.matrix import Phase, stack_case


def open_loads(study: Study, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload under each open load, each at a share of its own capacity.

    None if the study asks for no open load, or if nobody passed a closed one.
    """
    if not study.open:
        return None
    runs = list(runs)
    cases = [
        stack_case("macro", stack, workload, load, rate)
        for workload in study.workloads
        for stack, rate in _rates(study, study.open, workload, runs)
        for load in study.open.loads
    ]
    return Phase("open", study.open.runs, tuple(cases)) if cases else None


def contenders(study: Study, workload: str, runs: Iterable[Run]) -> list[Stack]:
    """The best stack of each server program on `workload`, and each peer; the best of all first.

    The best is what the workload's ranking says of the closed load, so nothing of which a run failed is among them.
    """
    first: dict[Stack | str, Stack] = {}
    for standing in standings(closed(study, workload, runs)):
        stack = standing.stack
        first.setdefault(stack if stack.is_peer else pairing.server_for(stack).server, stack)
    return list(first.values())


def closed(study: Study, workload: str, runs: Iterable[Run]) -> list[Run]:
    """The runs under the first closed load of `workload`: the ranking and the capacities come from there."""
    load = study.macro.loads_for(workload)[0] if study.macro else None
    return [run for run in runs if run.case.instrument == "macro" and _asked(run.case) == (workload, load)]


def _asked(case: Case) -> tuple[str | None, str | None]:
    return case.workload, case.load


def _rates(study: Study, plan: OpenPlan, workload: str, runs: list[Run]) -> list[tuple[Stack, float]]:
    """Each contender with the requests per second that are 1 in the open loads.

    That is a share of what it can answer, or of what Gatling can ask where that is less.
    """
    measured = closed(study, workload, runs)
    most = {
        stack: [rate for run in measured if run.case.stack == stack and (rate := drivable(run))]
        for stack in contenders(study, workload, runs)
    }
    return [(stack, float(f"{plan.share * median(rates):.3g}")) for stack, rates in most.items() if rates]

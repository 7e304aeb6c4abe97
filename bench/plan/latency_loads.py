"""The runs of the closed loads → open loads for latency: at one rate for all contenders, and at shares of capacity.

A fresh server is driven at all of these, one after the other: warming one up may take half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import msgspec

from bench.analysis.capacity import paceable
from bench.model import Case, LatencyPlan, Run, Stack, Study
from bench.plan.contest import closed, contenders
from bench.plan.matrix import Phase, stack_case


def latency_loads(study: Study, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload at each rate; None if the study asks for none, or if nobody has a capacity."""
    if not study.latency:
        return None
    runs = list(runs)
    cases = [
        case
        for workload in study.workloads
        for case in _cases(study.latency, workload, capacities(study, workload, runs))
    ]
    return Phase("latency", study.latency.runs, tuple(cases)) if cases else None


def capacities(study: Study, workload: str, runs: Iterable[Run]) -> dict[Stack, float]:
    """Each contender with the requests a second that it can answer, or that the generator can ask, if that is less."""
    runs = closed(study, workload, runs)
    most = {
        stack: [rate for run in runs if run.case.stack == stack and (rate := paceable(run))]
        for stack in contenders(study, workload, runs)
    }
    return {stack: median(rates) for stack, rates in most.items() if rates}


def _cases(plan: LatencyPlan, workload: str, most: dict[Stack, float]) -> list[Case]:
    """A case a stack, all at one rate, which is told to three digits, and then at shares of their own capacities."""
    common = float(f"{plan.common * min(most.values(), default=0.0):.3g}")
    cases = [stack_case("macro", stack, workload, plan.load, common) for stack in most]
    return [msgspec.structs.replace(case, shares=plan.shares) for case in cases]

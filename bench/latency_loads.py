"""The runs of the closed loads → open loads for latency: at shares of each contender's capacity, and at one rate.

A fresh server is driven at all of these, one after the other: warming one up may take half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import msgspec

from bench.capacity import paceable
from bench.contest import closed, contenders
from bench.model import Case, LatencyPlan, Run, Stack, Study
from bench.plan import Phase, stack_case

OWN, COMMON = "own", "common"  # the rate `own 30` is 30 % of a stack's own capacity, `common 50` half of the least one


def latency_loads(study: Study, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload at each rate; None if the study asks for none, or if nobody has a capacity."""
    if not study.latency:
        return None
    runs = list(runs)
    cases = [
        _case(study.latency, workload, stack, rates)
        for workload in study.workloads
        for stack, rates in _rates(study.latency, capacities(study, workload, runs)).items()
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


def _rates(plan: LatencyPlan, most: dict[Stack, float]) -> dict[Stack, dict[str, float]]:
    """The rates of each stack by name, told to three digits; first that which is one for all."""
    common = {f"{COMMON} {_percent(plan.common)}": plan.common * min(most.values(), default=0.0)}
    asked = {
        stack: common | {f"{OWN} {_percent(share)}": share * capacity for share in plan.shares}
        for stack, capacity in most.items()
    }
    return {stack: {name: float(f"{rate:.3g}") for name, rate in rates.items()} for stack, rates in asked.items()}


def _percent(share: float) -> int:
    return round(100 * share)


def _case(plan: LatencyPlan, workload: str, stack: Stack, rates: dict[str, float]) -> Case:
    return msgspec.structs.replace(stack_case("macro", stack, workload, plan.load), rates=rates)

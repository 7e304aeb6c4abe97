"""The runs of the closed loads → open loads for latency: at one rate for all contenders, and at shares of capacity.

A fresh server is driven at all of these, one after the other: warming one up may take half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.analysis.capacity import paceable
from bench.model import LatencyPlan, MacroCase, Phase, Plan, Run, Stack, stack_of
from bench.plan.contest import closed, contenders


def latency_loads(plan: Plan, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload at each rate; None if the study asks for none, or if nobody has a capacity."""
    asked = plan.study.latency
    if not asked:
        return None
    runs = list(runs)
    cases = [
        case for workload in plan.study.workloads for case in _cases(asked, workload, capacities(plan, workload, runs))
    ]
    return Phase("latency", asked.runs, tuple(cases)) if cases else None


def capacities(plan: Plan, workload: str, runs: Iterable[Run]) -> dict[Stack, float]:
    """Each contender with the requests a second that it can answer, or that the generator can ask, if that is less."""
    runs = closed(plan.study, workload, runs)
    driven = contenders(plan, workload, runs)
    if plan.study.latency and plan.study.latency.all:
        driven = list(dict.fromkeys(stack_of(run.case) for run in runs if run.verdict == "pass"))
    most = {stack: [rate for run in runs if run.case.stack == stack and (rate := paceable(run))] for stack in driven}
    return {stack: median(rates) for stack, rates in most.items() if rates}


def _cases(asked: LatencyPlan, workload: str, most: dict[Stack, float]) -> list[MacroCase]:
    """A case a stack, all at one rate, which is told to three digits, and then at shares of their own capacities."""
    common = asked.rate or float(f"{asked.common * min(most.values(), default=0.0):.3g}")
    return [
        MacroCase(stack=stack, workload=workload, load=asked.load, rate=common, shares=asked.shares) for stack in most
    ]

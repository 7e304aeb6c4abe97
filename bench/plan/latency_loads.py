"""Runs of the closed loads → open loads for latency: at one common rate, and at shares of each stack's capacity.

One fresh server is driven at all rates in turn, because a warm-up may take half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.analysis.capacity import paceable
from bench.model import LatencyPlan, MacroCase, Phase, Plan, Run, Stack, stack_of
from bench.plan.contest import closed, contenders


def latency_loads(plan: Plan, runs: Iterable[Run]) -> Phase | None:
    """The contenders of each workload at each rate; None if the study has no such load, or no stack a capacity."""
    asked = plan.study.latency
    if not asked:
        return None
    runs = list(runs)
    workloads = asked.workloads or plan.study.workloads
    cases = [case for workload in workloads for case in _cases(asked, workload, capacities(plan, workload, runs))]
    return Phase("latency", asked.runs, tuple(cases)) if cases else None


def capacities(plan: Plan, workload: str, runs: Iterable[Run]) -> dict[Stack, float]:
    """Each contender with its capacity in requests/s, or with the generator's where that is smaller."""
    runs = closed(plan.study, workload, runs)
    driven = contenders(plan, workload, runs)
    if plan.study.latency and plan.study.latency.all:
        driven = list(dict.fromkeys(stack_of(run.case) for run in runs if run.verdict == "pass"))
    most = {stack: [rate for run in runs if run.case.stack == stack and (rate := paceable(run))] for stack in driven}
    return {stack: median(rates) for stack, rates in most.items() if rates}


def _cases(asked: LatencyPlan, workload: str, most: dict[Stack, float]) -> list[MacroCase]:
    """One case for each stack: a common rate, rounded to three digits, then shares of its own capacity."""
    common = asked.rate or float(f"{asked.common * min(most.values(), default=0.0):.3g}")
    return [
        MacroCase(stack=stack, workload=workload, load=asked.load, rate=common, shares=asked.shares) for stack in most
    ]

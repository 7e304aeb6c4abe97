"""The runs of the closed loads → open loads for latency: at shares of each contender's capacity, and at one rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

import msgspec

from bench import gates
from bench.contest import closed, contenders
from bench.model import Case, LatencyPlan, Run, Stack, Study
from bench.plan import Phase, stack_case

OWN, COMMON = "own percent", "common percent"  # settings of a case: of which capacity its rate is that share


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
        stack: [rate for run in runs if run.case.stack == stack and (rate := gates.paceable(run))]
        for stack in contenders(study, workload, runs)
    }
    return {stack: median(rates) for stack, rates in most.items() if rates}


def _cases(plan: LatencyPlan, workload: str, most: dict[Stack, float]) -> Iterator[Case]:
    """The case of each stack at each rate, told to three digits."""
    for stack, capacity in most.items():
        rates = [(OWN, share, share * capacity) for share in plan.shares]
        rates += [(COMMON, plan.common, plan.common * min(most.values()))]
        for of, share, rate in rates:
            case = stack_case("macro", stack, workload, plan.load, float(f"{rate:.3g}"))
            yield msgspec.structs.replace(case, settings={of: round(100 * share)})

"""study → phases of cases within limits on CPU time: latencies, shares of a core, and what runtimes see."""

from __future__ import annotations

from collections.abc import Sequence

from bench.model import LimitedCase, Phase, SizingCase, Stack, Study


def phases(study: Study, served: Sequence[Stack]) -> list[Phase | None]:
    """The phases of the stacks `served`; None for each that the study has no plan for."""
    return [_limited(study, served), _shared(study, served), _sized(study)]


def _limited(study: Study, served: Sequence[Stack]) -> Phase | None:
    """Each stack within each limit, alone and beside a busy neighbour, with each number of workers under each load."""
    plan = study.limited
    if plan is None:
        return None
    within: list[tuple[str, str | None]] = [*((limit, None) for limit in plan.alone), *plan.beside]
    cases = (
        LimitedCase(
            stack=stack,
            workload=workload,
            load=load,
            rate=plan.rate,
            limit=limit,
            workers=workers,
            beside=beside,
        )
        for workload in study.workloads
        for stack in served
        for limit, beside in within
        for workers in plan.workers
        for load in plan.loads
    )
    return Phase("limited", plan.runs, tuple(cases))


def _shared(study: Study, served: Sequence[Stack]) -> Phase | None:
    """Two busy servers of each stack on one core, within each pair of limits."""
    plan = study.shared
    if plan is None:
        return None
    cases = (
        LimitedCase(stack=stack, workload=workload, load=plan.load, limit=own, beside=beside, windows=plan.windows)
        for workload in study.workloads
        for stack in served
        for own, beside in plan.pairs
    )
    return Phase("shared", 1, tuple(cases))


def _sized(study: Study) -> Phase | None:
    """Each runtime within each limit."""
    plan = study.sizing
    if plan is None:
        return None
    return Phase(
        "sizing", 1, tuple(SizingCase(variant=name, limit=limit) for name in plan.runtimes for limit in plan.limits)
    )

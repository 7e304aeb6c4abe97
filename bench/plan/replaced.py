"""study → the phase of stacks that are replaced while clients ask."""

from __future__ import annotations

from collections.abc import Sequence

from bench.catalog import replaced
from bench.model import Catalog, Phase, ReplacedCase, Stack, Study


def phase(study: Study, served: Sequence[Stack], catalog: Catalog) -> Phase | None:
    """Each of the stacks `served`, in each way that replaces its server, over kept and over new connections."""
    plan = study.replaced
    if plan is None:
        return None
    cases = (
        ReplacedCase(
            stack=stack,
            workload=workload,
            way=way.name,
            kept=kept,
            clients=plan.clients,
            pace=plan.pace,
            times=plan.times,
        )
        for workload in study.workloads
        for stack in served
        for way in replaced.ways(study, catalog, stack)
        for kept in ((True, False) if replaced.keeps_connections(catalog, stack, way) else (False,))
    )
    return Phase("replaced", plan.runs, tuple(cases))

"""study → the phase of requests through layers within a process."""

from __future__ import annotations

import msgspec

from bench.model import Catalog, LayersCase, LayersPlan, Phase, Study

SAME_REQUESTS = 200  # in a pass of a workload without documents: one for each token


def phase(study: Study, catalog: Catalog) -> Phase | None:
    """Each layering around each framework that it is for. The A/A pairs are requests through the first one."""
    plan = study.layers
    if plan is None:
        return None
    cases = [
        LayersCase(
            variant=variant,
            framework=framework,
            layering=name,
            workload=workload,
            values=plan.values,
            loops=_request_passes(plan, workload, catalog),
            warmups=catalog.warmup_of(variant).passes,
        )
        for workload in study.workloads
        for variant in study.variants
        for framework in study.frameworks
        for name in plan.named
        if catalog.layerings[name].is_for(framework)
    ]
    if study.aa:
        first = [case for case in cases if (case.variant, case.layering) == (study.baseline, plan.named[0])]
        cases += [msgspec.structs.replace(case, aa=True) for case in first if case.framework == study.frameworks[0]]
    return Phase("layers", plan.processes, tuple(cases))


def _request_passes(plan: LayersPlan, workload: str, catalog: Catalog) -> int:
    """The passes over the requests of a workload that reach the number of requests of a value."""
    spec = catalog.workloads[workload].documents
    return -(-plan.requests // (spec.count if spec else SAME_REQUESTS))

"""study → the phase of deliveries."""

from __future__ import annotations

from bench.model import Catalog, DeliveredCase, Phase, Study


def phase(study: Study, catalog: Catalog) -> Phase | None:
    """Each delivery of the study; None if it has no plan for them."""
    plan = study.delivered
    if plan is None:
        return None
    cases = (DeliveredCase(variant=catalog.deliveries[name].subject, delivery=name) for name in plan.named)
    return Phase("delivered", plan.runs, tuple(cases))

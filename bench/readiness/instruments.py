"""What the instruments of a plan need: documents, load generators, a null server, tools, and a kernel that limits."""

from __future__ import annotations

from itertools import product

from bench import documents
from bench.build import deliveries
from bench.errors import LabError, MissingError
from bench.host import exclusive, limits
from bench.measure.instruments import factors, gatling_setup, instructions, layers, null, pacer
from bench.model import Plan, Unavailable
from bench.progress import Progress
from bench.readiness.building import Built


def bring_documents(plan: Plan, progress: Progress) -> None:
    """Generate the missing documents of every workload in the plan."""
    for name in dict.fromkeys(case.workload for case in plan.cases if case.workload):
        workload = plan.catalog.workloads[name]
        if workload.documents:
            with progress.step(f"documents {name}"):
                documents.ensure(workload)


def additions_missing(plan: Plan, built: Built, progress: Progress) -> list[Unavailable]:
    """Bring what is measured beside each build: rebuilds and copies, packages of layers, tools of deliveries.

    Returns what is unavailable.
    """
    study, catalog = plan.study, plan.catalog
    unavailable: list[Unavailable] = []
    if study.factors:
        for name in built:
            with exclusive.building(progress.say), progress.step(f"rebuild and copy {name}"):
                factors.provision(catalog, study.factors, name)
    for name in built if study.layers else ():
        with exclusive.building(progress.say), progress.step(f"packages of layers for {name}"):
            unavailable += layers.provision(catalog, study, name)
    return unavailable + _deliveries_missing(plan, built, progress)


def phases_missing(plan: Plan, progress: Progress) -> dict[str, Unavailable]:
    """Bring what whole phases need. Returns by phase why it cannot be measured."""
    study = plan.study
    none = {
        "macro": generator_missing(plan, progress),
        "instructions": study.instructions and _counter_missing(progress),
    }
    if study.limits:
        unlimited = limits_missing()
        none |= {"sizing": unlimited, "limited": unlimited or none["macro"], "shared": unlimited or none["macro"]}
    if none["macro"] is None and plan.phase("null"):
        none["null"] = _null_missing(study.baseline, progress)
    return {name: each for name, each in none.items() if each}


def generator_missing(plan: Plan, progress: Progress) -> Unavailable | None:
    """Bring the generators of the plan's loads. Returns why one is unavailable, or None."""
    study, catalog = plan.study, plan.catalog
    loads = list(catalog.loads.values())
    generators = {load.generator for load in loads}
    try:
        subjects = (*study.variants, *study.peers)
        warmed = any(
            catalog.seconds_to_warm(name, load, workload)
            for name, load, workload in product(subjects, loads, study.workloads)
        )
        with exclusive.building(progress.say), progress.step("load generator"):
            if "pacer" in generators or warmed or any(load.capacity_seconds for load in loads):
                pacer.provision()
            if "gatling" in generators:
                gatling_setup.provision()
    except MissingError as missing:
        return Unavailable(what="all loads", reason=str(missing), remedy=missing.remedy, instrument="macro")
    return None


def limits_missing() -> Unavailable | None:
    """Try to limit CPU time. Returns why that is unavailable, or None."""
    try:
        limits.require()
    except MissingError as missing:
        return Unavailable(what="limits on CPU time", reason=str(missing), remedy=missing.remedy, instrument="limited")
    return None


def _deliveries_missing(plan: Plan, built: Built, progress: Progress) -> list[Unavailable]:
    """Bring tools and packages for the deliveries of what is built. Returns those that are unavailable."""
    missing = []
    for delivery in plan.catalog.deliveries.values():
        if delivery.subject not in built:
            continue
        try:
            with exclusive.building(progress.say), progress.step(f"tools and packages for {delivery.name}"):
                deliveries.provision(plan.catalog, delivery)
        except MissingError as error:
            missing.append(
                Unavailable(what=delivery.title, reason=str(error), remedy=error.remedy, delivery=delivery.name)
            )
    return missing


def _counter_missing(progress: Progress) -> Unavailable | None:
    """Bring the instruction counter. Returns why it is unavailable, or None."""
    try:
        with exclusive.building(progress.say):
            instructions.provision()
    except MissingError as missing:
        return Unavailable(
            what="instruction counts", reason=str(missing), remedy=missing.remedy, instrument="instructions"
        )
    return None


def _null_missing(baseline: str, progress: Progress) -> Unavailable | None:
    """Bring the null server for the baseline's interpreter. Returns why it is unavailable, or None."""
    try:
        with exclusive.building(progress.say), progress.step("null server"):
            null.provision(baseline)
    except MissingError as missing:
        return Unavailable(what="null server", reason=str(missing), remedy=missing.remedy, instrument="null")
    except LabError as error:
        return Unavailable(what="null server", reason=str(error), instrument="null")
    return None

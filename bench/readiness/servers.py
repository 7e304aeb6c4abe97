"""What the servers of a plan need beside the variants: proxies, backends, packages of tunings, images of places."""

from __future__ import annotations

from collections.abc import Iterable

from bench.build import beside, fronts, images
from bench.catalog import pairing
from bench.errors import MissingError, UnpinnedError
from bench.host import exclusive
from bench.model import Plan, Stack, Unavailable, server_name
from bench.progress import Progress
from bench.provision import system
from bench.serve import backend, container
from bench.serve.container import try_out


def tunings_missing(plan: Plan) -> dict[str, Unavailable]:
    """The servers of the study whose proxy or backend is unavailable, by the study's name for the server.

    A way in which servers are replaced is named like a tuning of any server, such as `+behind-nginx`.
    """
    missing = {}
    asked = {name: plan.catalog.tunings.get(server_name(name).tuning) for name in plan.study.servers}
    asked |= {f"+{name}": plan.catalog.replacements[name] for name in plan.study.ways}
    for name, tuning in asked.items():
        try:
            system.require(tuning.proxy.needs if tuning and tuning.proxy else ())
            if tuning and tuning.backend:
                backend.require(plan.catalog.backends[tuning.backend])
        except MissingError as error:
            missing[name] = Unavailable(what=f"*/*/{name}", reason=str(error), remedy=error.remedy, server=name)
    return missing


def packages_missing(plan: Plan, variant: str, progress: Progress) -> dict[str, Unavailable]:
    """Install the packages of the study's tunings for a variant.

    Returns the servers for which one is unavailable, by the study's name for the server.
    """
    missing = {}
    for name in plan.study.servers:
        tuning = plan.catalog.tunings.get(server_name(name).tuning)
        if tuning is None or not tuning.requirements:
            continue
        try:
            with exclusive.building(progress.say), progress.step(f"packages of {tuning.name} for {variant}"):
                beside.provide(variant, tuning.requirements)
        except (MissingError, UnpinnedError) as error:
            what = f"{variant}/*/{name}"
            missing[name] = Unavailable(what=what, reason=str(error), variant=variant, server=name)
    return missing


def places_missing(plan: Plan, variant: str, progress: Progress) -> dict[str, Unavailable]:
    """Build the images of a variant for the study's places, and try each place with each.

    Returns the servers for which one is unavailable, by the study's name for the server.
    """
    missing = {}
    for name in plan.study.servers:
        place = plan.catalog.places.get(server_name(name).place)
        for framework in plan.study.frameworks_on(name) if place else ():
            stack = Stack(variant=variant, framework=framework, server=name)
            if place is None or pairing.unsupported(plan.catalog, stack):
                continue
            try:
                with (
                    exclusive.building(progress.say),
                    progress.step(f"image of {stack.on_host}, tried at {name}"),
                ):
                    system.require(place.needs)
                    container.image(plan.catalog, images.imaged(plan.catalog, stack))
                    tuning = pairing.tuning_of(plan.catalog, stack)
                    if tuning and tuning.proxy:
                        fronts.build(tuning.proxy)
                    try_out(plan.catalog, stack)
            except MissingError as error:
                what = f"{variant}/*/{name}"
                missing[name] = Unavailable(
                    what=what, reason=str(error), remedy=error.remedy, variant=variant, server=name
                )
    return missing


def backends_missing(plan: Plan, variants: Iterable[str], progress: Progress) -> dict[str, dict[str, Unavailable]]:
    """Bring the backends of the plan's workloads. Returns the unavailable ones by variant and workload."""
    missing: dict[str, dict[str, Unavailable]] = {}
    catalog = plan.catalog
    asked = [workload for name in plan.study.workloads if (workload := catalog.workloads[name]).backend]
    for variant, workload in ((variant, workload) for variant in variants for workload in asked):
        what = f"{variant}/*/*, {workload.name}"
        if variant in catalog.peers:
            reason = f"a peer has no driver for {workload.backend}"
            missing.setdefault(variant, {})[workload.name] = Unavailable(
                what=what, reason=reason, kind="unsupported", variant=variant, workload=workload.name
            )
            continue
        try:
            with exclusive.building(progress.say), progress.step(f"backend {workload.backend} for {variant}"):
                backend.provision(catalog, catalog.backends[workload.backend or ""], variant)
        except MissingError as error:
            missing.setdefault(variant, {})[workload.name] = Unavailable(
                what=what, reason=str(error), remedy=error.remedy, variant=variant, workload=workload.name
            )
    return missing

"""Make a machine ready for a plan: build and verify variants and peers, bring documents, generators and backends.

A part that is unavailable, fails or answers wrong becomes an `Unavailable` record, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from itertools import product
from pathlib import Path

import msgspec

from bench import documents, verify
from bench.build import artifacts, beside, deliveries, fronts, images, peers, variants
from bench.catalog import pairing
from bench.errors import LabError, MissingError, UnpinnedError
from bench.host import exclusive, limits, machine
from bench.measure.instruments import factors, gatling_setup, instructions, layers, null, pacer
from bench.model import (
    Artifact,
    BuiltPeer,
    Catalog,
    Peer,
    Plan,
    Provisioned,
    Ready,
    Stack,
    Unavailable,
    Variant,
    Yardstick,
    server_name,
)
from bench.plan import matrix
from bench.progress import Progress
from bench.provision import interpreters, system
from bench.serve import backend, container
from bench.serve.container import try_out
from bench.serve.look import look

Built = dict[str, Artifact | BuiltPeer]


def make_ready(plan: Plan, progress: Progress, cases: Path = verify.GOLDEN) -> Ready:
    """Make this machine ready for the plan. Returns its state."""
    study, catalog = plan.study, plan.catalog
    reference = catalog.interpreter_of(study.baseline).name if study.interpreters else None
    asked, servers = matrix.subjects(study), matrix.servers(study)
    built, unavailable = prepare(catalog, asked, progress, servers, cases, reference=reference)
    untuned = tunings_missing(plan)
    unavailable += untuned.values()
    for name, made in built.items():
        if isinstance(made, Artifact):
            unpacked = packages_missing(plan, name, progress) | places_missing(plan, name, progress)
            unavailable += unpacked.values()
            built[name] = msgspec.structs.replace(made, lacks=made.lacks | untuned | unpacked)
    bring_documents(plan, progress)
    if study.factors:
        for name in built:
            with exclusive.building(progress.say), progress.step(f"rebuild and copy {name}"):
                factors.provision(catalog, study.factors, name)
    for name in built if study.layers else ():
        with exclusive.building(progress.say), progress.step(f"packages of layers for {name}"):
            unavailable += layers.provision(catalog, study, name)
    unavailable += deliveries_missing(plan, built, progress)
    none = {
        "macro": generator_missing(plan, progress),
        "instructions": study.instructions and counter_missing(progress),
    }
    if study.limits:
        unlimited = limits_missing()
        none |= {"sizing": unlimited, "limited": unlimited or none["macro"], "shared": unlimited or none["macro"]}
    if none["macro"] is None and plan.phase("null"):
        none["null"] = null_missing(study.baseline, progress)
    missing = {name: each for name, each in none.items() if each}
    unserved = backends_missing(plan, built, progress) if matrix.servers(study) else {}
    unavailable += [each for workloads in unserved.values() for each in workloads.values()]
    return Ready(
        machine=machine.describe(), artifacts=built, unavailable=tuple(unavailable), missing=missing, unserved=unserved
    )


def prepare(
    catalog: Catalog,
    variants: Iterable[str],
    progress: Progress,
    servers: Collection[str] | None = None,
    cases: Path = verify.GOLDEN,
    *,
    reference: str | None = None,
) -> tuple[Built, list[Unavailable]]:
    """Provision, build and verify each variant or peer. Returns what is built, and what is unavailable or wrong.

    An interpreter that was built differently from the `reference`, that of a baseline, is unavailable.
    """
    built, unavailable = build_all(catalog, variants, progress, servers, reference=reference)
    for name in [name for name in built if verify.is_verifiable(catalog.subject(name))]:
        wrong = _wrong(catalog, name, progress, cases)
        if wrong:
            del built[name]
            unavailable.append(wrong)
    return built, unavailable


def build_all(
    catalog: Catalog,
    variants: Iterable[str],
    progress: Progress,
    servers: Collection[str] | None = None,
    force: bool = False,
    *,
    reference: str | None = None,
) -> tuple[Built, list[Unavailable]]:
    """Provision and build each variant or peer, unless it is unchanged. Returns what is built and what is unavailable.

    Each variant gets the `servers`, or without them all that support it. `force` rebuilds unchanged ones, too. For
    `reference` see `prepare`.
    """
    built: Built = {}
    unavailable: list[Unavailable] = []

    @cache  # each is asked for once: an unreachable provider is slow
    def provided(interpreter: str) -> Provisioned | Unavailable:
        like = provided(reference) if reference and interpreter != reference else None
        with progress.step(f"interpreter {interpreter}"):
            wanted = like if isinstance(like, Provisioned) else None
            return interpreters.provision(catalog.interpreters[interpreter], like=wanted)

    with exclusive.building(progress.say):
        for name in variants:
            subject = catalog.subject(name)
            wanted = () if isinstance(subject, Yardstick) else servers
            made = _built(catalog, subject, provided, progress, wanted, force=force)
            if isinstance(made, Unavailable):
                unavailable.append(made)
                continue
            built[name] = made
            missing = made.lacks.values() if isinstance(made, Artifact) else ()
            unavailable += [
                msgspec.structs.replace(each, what=f"{name}/*/{each.what}", variant=name) for each in missing
            ]
    return built, unavailable


def required(catalog: Catalog, name: str) -> Artifact | BuiltPeer:
    """The build of a variant or peer. Raises LabError with the command that builds it if there is none."""
    subject = catalog.subject(name)
    return peers.require(subject) if isinstance(subject, Peer) else artifacts.require(name)


def bring_documents(plan: Plan, progress: Progress) -> None:
    """Generate the missing documents of every workload in the plan."""
    for name in dict.fromkeys(case.workload for case in plan.cases if case.workload):
        workload = plan.catalog.workloads[name]
        if workload.documents:
            with progress.step(f"documents {name}"):
                documents.ensure(workload)


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


def null_missing(baseline: str, progress: Progress) -> Unavailable | None:
    """Bring the null server for the baseline's interpreter. Returns why it is unavailable, or None."""
    try:
        with exclusive.building(progress.say), progress.step("null server"):
            null.provision(baseline)
    except MissingError as missing:
        return Unavailable(what="null server", reason=str(missing), remedy=missing.remedy, instrument="null")
    except LabError as error:
        return Unavailable(what="null server", reason=str(error), instrument="null")
    return None


def limits_missing() -> Unavailable | None:
    """Try to limit CPU time. Returns why that is unavailable, or None."""
    try:
        limits.require()
    except MissingError as missing:
        return Unavailable(what="limits on CPU time", reason=str(missing), remedy=missing.remedy, instrument="limited")
    return None


def deliveries_missing(plan: Plan, built: Built, progress: Progress) -> list[Unavailable]:
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


def counter_missing(progress: Progress) -> Unavailable | None:
    """Bring the instruction counter. Returns why it is unavailable, or None."""
    try:
        with exclusive.building(progress.say):
            instructions.provision()
    except MissingError as missing:
        return Unavailable(
            what="instruction counts", reason=str(missing), remedy=missing.remedy, instrument="instructions"
        )
    return None


def _built(
    catalog: Catalog,
    subject: Variant | Peer,
    provided: Callable[[str], Provisioned | Unavailable],
    progress: Progress,
    servers: Collection[str] | None,
    *,
    force: bool,
) -> Artifact | BuiltPeer | Unavailable:
    """Build one variant or peer. Returns the build, or why it is unavailable. `provided` brings an interpreter."""
    try:
        if isinstance(subject, Peer):
            with progress.step(f"runtime {subject.runtime}, build {subject.name}"):
                return peers.make(subject, force)
        interpreter = provided(subject.interpreter)
        if isinstance(interpreter, Unavailable):
            return msgspec.structs.replace(interpreter, what=subject.name, variant=subject.name)
        with progress.step(f"build {subject.name}"):
            return variants.build(catalog, subject, interpreter, servers, force)
    except MissingError as missing:
        return Unavailable(what=subject.name, reason=str(missing), remedy=missing.remedy, variant=subject.name)
    except LabError as error:
        remedy = f"python -m bench build {subject.name}"
        return Unavailable(what=subject.name, reason=str(error), remedy=remedy, kind="failed", variant=subject.name)


def _wrong(catalog: Catalog, name: str, progress: Progress, cases: Path) -> Unavailable | None:
    """The failure of a built variant or peer that answers one of `cases` wrong; None if all are right."""
    peer = name in catalog.peers
    if not peer and catalog.variant(name).application:
        return _does_not_import(catalog, name, progress)
    try:
        with progress.step(f"check {name}"):
            checked = (
                verify.check_stack(catalog, Stack(variant=name), cases)
                if peer
                else verify.check_variant(catalog, name, cases)
            )
        if not checked.mismatches:
            return None
        reason = f"{len(checked.mismatches)} of {checked.cases} cases wrong; the first: {checked.mismatches[0]}"
    except LabError as error:
        reason = str(error)
    remedy = f"python -m bench check {'--stack' if peer else '--variant'} {name}"
    return Unavailable(what=name, reason=reason, remedy=remedy, kind="failed", variant=name)


def _does_not_import(catalog: Catalog, name: str, progress: Progress) -> Unavailable | None:
    """Why an application does not run on an interpreter; what it answers there is held against its baseline later."""
    try:
        with progress.step(f"import {name}"):
            look(catalog, name)
    except LabError as error:
        return Unavailable(what=name, reason=str(error).partition("\n")[0], kind="failed", variant=name)
    return None

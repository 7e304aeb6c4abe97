"""Provision, build and verify variants and peers.

One that is unavailable, fails or answers wrong becomes an `Unavailable` record, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path

import msgspec

from bench import verify
from bench.build import artifacts, peers, variants
from bench.errors import LabError, MissingError
from bench.host import exclusive
from bench.model import Artifact, BuiltPeer, Catalog, Peer, Provisioned, Stack, Unavailable, Variant, Yardstick
from bench.progress import Progress
from bench.provision import interpreters
from bench.serve.look import look

Built = dict[str, Artifact | BuiltPeer]


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

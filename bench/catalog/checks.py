"""What declarations say of each other, checked: every name is known, and what belongs together agrees."""

from __future__ import annotations

from itertools import chain

from bench.catalog.tuning import tuned
from bench.errors import LabError
from bench.model import Against, Catalog, Peer, Study, Target, pick


def check(catalog: Catalog) -> None:
    """Raises LabError naming the file, or the noun, that names something unknown or does not fit another."""
    for variant in catalog.variants.values():
        pick(catalog.interpreters, variant.interpreter, f"interpreter of variant {variant.name!r}")
    for server in catalog.servers.values():
        for backend in server.waits:
            pick(catalog.backends, backend, f"bench/servers/{server.name}.toml: waits")
    for workload in catalog.workloads.values():
        if workload.backend is not None:
            pick(catalog.backends, workload.backend, f"bench/workloads/{workload.name}.toml: backend")
    for load in catalog.loads.values():
        brief = pick(catalog.loads, load.brief, f"bench/loads/{load.name}.toml: brief") if load.brief else load
        if (brief.model, brief.users) != (load.model, load.users):
            raise LabError(f"bench/loads/{load.name}.toml: brief {brief.name!r} has to be closed, of as many users")
    _check_peers(catalog)
    _check_tunings(catalog)


def _check_peers(catalog: Catalog) -> None:
    """Peers of one build are alike in all that the build is made of, and no variant bears their names."""
    first: dict[str, Peer] = {}
    for peer in catalog.peers.values():
        own, others = peer.made_of, first.setdefault(peer.build, peer).made_of
        unlike = [key for key in own if own[key] != others[key]]
        if unlike:
            other = first[peer.build].name
            raise LabError(f"peer {peer.name!r}: {unlike[0]} is not that of {other!r}, of the same build")
        if peer.name in catalog.variants or peer.build in catalog.variants:
            raise LabError(f"peer {peer.name!r}: its name or its build's is that of a variant")


def _check_tunings(catalog: Catalog) -> None:
    """The programs and labels in tunings are servers'."""
    labels = catalog.labels()
    programs = {server.server: server for server in catalog.servers.values()}
    for tuning in catalog.tunings.values():
        where = f"bench/tunings/{tuning.name}.toml"
        for program in tuning.servers:
            pick(programs, program, f"{where}: servers: program")
        for label in tuning.unsupported:
            pick(labels, label, f"{where}: server")


def check_study(study: Study, catalog: Catalog) -> None:
    """Raises LabError naming the study's file, and what in it is unknown or contradicts itself."""
    where = f"bench/studies/{study.name}.toml"
    for name in (study.baseline, *study.variants):
        pick(catalog.variants, name.partition("@")[0], f"{where}: variant")
    for name in study.peers:
        pick(catalog.peers, name, f"{where}: peer")
    for name in study.interpreters:
        pick(catalog.interpreters, name, f"{where}: interpreter")
    for name in study.servers:
        _check_server(name, where, catalog)
    for name in study.frameworks:
        pick(catalog.frameworks, name, f"{where}: framework")
    for name in study.workloads:
        pick(catalog.workloads, name, f"{where}: workload")
    for target in study.targets:
        _check_target(target, study, f"{where}: target {target.title!r}", catalog)
    if study.macro and not study.macro.loads_of.keys() <= set(study.workloads):
        raise LabError(f"{where}: loads_of has to name workloads of the study")
    _check_loads(study, where, catalog)
    if study.baseline not in study.variants:
        raise LabError(f"{where}: the baseline {study.baseline!r} has to be one of the variants")


def _check_loads(study: Study, where: str, catalog: Catalog) -> None:
    closed = [*study.macro.loads, *chain(*study.macro.loads_of.values())] if study.macro else []
    driven = (*(study.open.loads if study.open else ()), *((study.latency.load,) if study.latency else ()))
    for model, names in (("closed", closed), ("open", driven)):
        for name in names:
            if pick(catalog.loads, name, f"{where}: load").model != model:
                raise LabError(f"{where}: load {name!r} is not {model}")


def _check_server(name: str, where: str, catalog: Catalog) -> None:
    label, plus, tuning = name.partition("+")
    server = pick(catalog.labels(), label, f"{where}: server")
    if plus:
        tuned(server, pick(catalog.tunings, tuning, f"{where}: tuning"))


def _check_target(target: Target, study: Study, where: str, catalog: Catalog) -> None:
    against = target.against or Against()
    for name in filter(None, (target.variant, against.variant)):
        pick(catalog.variants | catalog.yardsticks, name.partition("@")[0], f"{where}: variant")
    for name in filter(None, (*target.workloads, against.workload)):
        pick(catalog.workloads, name, f"{where}: workload")
    for name in filter(None, (target.stack, against.stack)):
        _check_in(study, name, f"{where}: stack {name!r}")
    if target.at_most is not None and target.declared is None:
        raise LabError(f"{where}: `at_most` needs the day of its declaration, such as `declared = 2026-11-25`")


def _check_in(study: Study, stack: str, where: str) -> None:
    """A target's stack has to be measured; nothing else brings it."""
    parts = stack.split("/")
    axes = (study.variants, study.frameworks, study.servers)
    own = len(parts) == len(axes) and all(part in axis for part, axis in zip(parts, axes, strict=True))
    if not own and stack not in study.peers:
        raise LabError(f"{where} is none of this study's variants/frameworks/servers, nor a peer of it")

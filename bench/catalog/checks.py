"""Checks of declarations against each other: every name is known, and declarations that belong together agree."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import chain

from bench.catalog import delivered, replaced
from bench.catalog.pairing import kinds, takes_workers
from bench.catalog.tuning import tuned
from bench.errors import NEAR, LabError
from bench.model import Against, Catalog, Peer, Replacement, Server, Study, Target, Tuning, Workload, pick, server_name
from bench.paths import ROOT, YARDSTICKS

IN_PROCESS = {"wsgi", "asgi"}  # interfaces that a request within a process can use


def check(catalog: Catalog) -> None:
    """Raises LabError that names the file, or the noun, with an unknown name or a contradiction."""
    for variant in catalog.variants.values():
        pick(catalog.interpreters, variant.interpreter, "interpreter", f"variant {variant.name!r}")
    for server in catalog.servers.values():
        where = f"bench/servers/{server.name}.toml"
        for backend in server.waits:
            pick(catalog.backends, backend, "backend", f"{where}: waits")
        for name in server.unsupported:
            pick(_refusable(catalog), name, "implementation, version, variant or framework", f"{where}: unsupported")
    for workload in catalog.workloads.values():
        _check_backend(catalog, workload)
    for name in (*catalog.variants, *catalog.peers):
        for slow in catalog.warmup_of(name).seconds_of:
            pick(catalog.workloads, slow, "workload", f"{name}.toml: warmup.seconds_of")
    for load in catalog.loads.values():
        where = f"bench/loads/{load.name}.toml"
        brief = pick(catalog.loads, load.brief, "load", f"{where}: brief") if load.brief else load
        if (brief.model, brief.users) != (load.model, load.users):
            raise LabError(f"{where}: brief: load {brief.name!r} must be closed and have {load.users} users")
    for name, words in catalog.words.items():
        if words.leaks and name not in catalog.servers:
            raise LabError(f"{name}.toml: leaks: only servers have it")
    _check_labels(catalog)
    _check_peers(catalog)
    _check_tunings(catalog)
    _check_places(catalog)
    _check_layerings(catalog)
    delivered.check_sources(catalog)


def _refusable(catalog: Catalog) -> dict[str, object]:
    """Every name that a server's `unsupported` may have as a key, see `pairing.unsupported`."""
    names = chain.from_iterable(kinds(interpreter) for interpreter in catalog.interpreters.values())
    return dict.fromkeys(names) | catalog.variants | catalog.frameworks


def _check_backend(catalog: Catalog, workload: Workload) -> None:
    """The backend of a workload is known, and its requests can wait for it."""
    if workload.backend is None:
        return
    where = f"bench/workloads/{workload.name}.toml"
    if not pick(catalog.backends, workload.backend, "backend", where).wait:
        raise LabError(f"{where}: backend: {workload.backend} has no wait function, so no request waits for it")


def _check_labels(catalog: Catalog) -> None:
    """Server files with one label are for different implementations."""
    first: dict[tuple[str, str], Server] = {}
    for server in catalog.servers.values():
        for implementation in server.implementations:
            other = first.setdefault((server.label, implementation), server)
            if other is not server:
                raise LabError(
                    f"bench/servers/{server.name}.toml: label: bench/servers/{other.name}.toml is {server.label!r} "
                    f"on {implementation} already; change the label, or the implementations of one"
                )


def _check_peers(catalog: Catalog) -> None:
    """Peers that share a build agree on everything the build is made of, and no variant has the name of a peer."""
    first: dict[str, Peer] = {}
    for peer in catalog.peers.values():
        own, others = peer.made_of, first.setdefault(peer.build, peer).made_of
        differing = [key for key in own if own[key] != others[key]]
        if differing:
            other = first[peer.build].name
            raise LabError(
                f"peer {peer.name!r}: {differing[0]} differs from {other!r}, which shares build {peer.build!r}"
            )
        for name in (peer.name, peer.build):
            if name in catalog.variants:
                raise LabError(f"peer {peer.name!r}: a variant is named {name!r} already")


def _check_tunings(catalog: Catalog) -> None:
    """Every program, label and replaced word in a tuning or a replacement is a server's, and one word is its own."""
    labels = catalog.labels()
    words = set(chain.from_iterable(server.argv for server in catalog.servers.values()))
    programs = {server.server: server for server in catalog.servers.values()}
    declared: list[tuple[str, Tuning]] = [(f"tunings/{name}", each) for name, each in catalog.tunings.items()]
    declared += [(f"replacements/{name}", each) for name, each in catalog.replacements.items()]
    for path, tuning in declared:
        where = f"bench/{path}.toml"
        for program in tuning.servers:
            pick(programs, program, "server program", f"{where}: servers")
        for label in tuning.unsupported:
            pick(labels, label, "server", f"{where}: unsupported")
        for label in tuning.losses:
            pick(labels, label, "server", f"{where}: losses")
        for label in tuning.causes if isinstance(tuning, Replacement) else ():
            pick({**labels, **catalog.peers}, label, "server or peer", f"{where}: causes")
        if tuning.backend:
            pick(catalog.backends, tuning.backend, "backend", f"{where}: backend")
        if tuning.entry and not (YARDSTICKS / f"{tuning.entry}.py").is_file():
            raise LabError(f"{where}: entry: there is no file bench/yardsticks/{tuning.entry}.py")
        for word in tuning.words:
            if word not in words:
                near = get_close_matches(word, words, n=1, cutoff=NEAR)
                hint = f"did you mean {near[0]!r}?" if near else "use a word of `argv` in bench/servers"
                raise LabError(f"{where}: words: no server has {word!r} in its argv; {hint}")
        served = [each for each in catalog.servers.values() if not tuning.servers or each.server in tuning.servers]
        if tuning.words and not any(word in each.argv for each in served for word in tuning.words):
            raise LabError(
                f"{where}: words: none is in the argv of {', '.join(tuning.servers)}; change words or servers"
            )


def _check_places(catalog: Catalog) -> None:
    """What a place does not support is the label of a server."""
    for place in catalog.places.values():
        for label in place.unsupported:
            pick(catalog.labels(), label, "server", f"bench/places/{place.name}.toml: unsupported")


def _check_layerings(catalog: Catalog) -> None:
    """Every framework and layer is known, and the file of a yardstick is there."""
    for layering in catalog.layerings.values():
        where = f"bench/layerings/{layering.name}.toml"
        for framework in layering.frameworks:
            pick(catalog.frameworks, framework, "framework", f"{where}: frameworks")
        for layer in layering.layers:
            if not (ROOT / "app" / f"{layer}.py").is_file():
                raise LabError(f"{where}: layers: there is no layer app/{layer}.py")
        if layering.around and not (YARDSTICKS / layering.around).is_file():
            raise LabError(f"{where}: around: there is no file bench/yardsticks/{layering.around}")


def check_study(study: Study, catalog: Catalog) -> None:
    """Raises LabError that names the study's file and the unknown name or the contradiction in it."""
    where = f"bench/studies/{study.name}.toml"
    pick(catalog.variants, study.baseline.partition("@")[0], "variant", where)
    served = study.servers or study.startup or study.suite or study.layers
    for name in study.variants:
        known = catalog.variants if served else catalog.variants | catalog.yardsticks
        pick(known, name.partition("@")[0], "variant", where)
    for name in study.peers:
        pick(catalog.peers, name, "peer", where)
    for name in study.interpreters:
        pick(catalog.interpreters, name, "interpreter", where)
    for name in study.servers:
        _check_server(name, where, catalog)
    if study.startup and study.startup.server:
        _check_server(study.startup.server, f"{where}: startup", catalog)
    for name in (*study.frameworks, *chain(*study.frameworks_of.values())):
        pick(catalog.frameworks, name, "framework", where)
    for name in study.workloads:
        pick(catalog.workloads, name, "workload", where)
    for target in study.targets:
        _check_target(target, study, f"{where}: target {target.title!r}", catalog)
    if study.macro and not study.macro.loads_of.keys() <= set(study.workloads):
        raise LabError(f"{where}: macro.loads_of: every key must be one of the study's workloads")
    if not study.frameworks_of.keys() <= set(study.servers):
        raise LabError(f"{where}: frameworks_of: every key must be one of the study's servers")
    if study.servers and not study.frameworks:
        raise LabError(f"{where}: frameworks: a study with servers requires at least one framework")
    _check_behind(study, where, catalog)
    _check_loads(study, where, catalog)
    _check_requests(study, where, catalog)
    _check_limits(study, where, catalog)
    replaced.check(study, where, catalog)
    delivered.check(study, where, catalog)
    if study.baseline not in study.variants:
        raise LabError(f"{where}: baseline {study.baseline!r} must be one of the study's variants")


def _check_loads(study: Study, where: str, catalog: Catalog) -> None:
    for workload in study.workloads if study.macro else ():
        if study.macro and not study.macro.loads_for(workload):
            raise LabError(f"{where}: macro.loads: workload {workload!r} has no load; name at least one")
    if study.open and not study.open.loads:
        raise LabError(f"{where}: open.loads: name at least one load, or remove [open]")
    if study.latency and not set(study.latency.workloads) <= set(study.workloads):
        raise LabError(f"{where}: latency.workloads: each must be one of the study's workloads")
    closed = [*study.macro.loads, *chain(*study.macro.loads_of.values())] if study.macro else []
    driven = (*(study.open.loads if study.open else ()), *((study.latency.load,) if study.latency else ()))
    for model, names in (("closed", closed), ("open", driven)):
        for name in names:
            if pick(catalog.loads, name, "load", where).model != model:
                raise LabError(f"{where}: load {name!r} must be {model}")


def _check_limits(study: Study, where: str, catalog: Catalog) -> None:
    """Limits and runtimes are known, loads fit, and there is one stack, whose server can have as many workers."""
    for name in study.limits:
        pick(catalog.limits, name, "limit", where)
    for name in study.sizing.runtimes if study.sizing else ():
        catalog.subject(name)
    driven = [("open", name) for name in (study.limited.loads if study.limited else ())]
    driven += [("closed", study.shared.load)] if study.shared else []
    for model, name in driven:
        load = pick(catalog.loads, name, "load", where)
        if (load.model, load.generator) != (model, "pacer"):
            raise LabError(f"{where}: load {name!r} must be {model}, and driven by the pacer")
    stacks = [study.variants, study.servers, study.frameworks, study.workloads]
    if driven and any(len(names) != 1 for names in stacks):
        raise LabError(f"{where}: a study with [limited] or [shared] has one variant, framework, server and workload")
    most = max(study.limited.workers) if study.limited else 1
    for name in study.servers if most > 1 else ():
        if not takes_workers(catalog.labels()[name.partition("+")[0]]):
            raise LabError(f"{where}: limited.workers: {name} has one worker process only")


def _check_requests(study: Study, where: str, catalog: Catalog) -> None:
    """A study of layers names layerings that its frameworks can have, and frameworks that take such requests."""
    for name in study.layers.named if study.layers else ():
        layering = pick(catalog.layerings, name, "layering", f"{where}: layers.named")
        if not any(map(layering.is_for, study.frameworks)):
            needed = ", ".join(layering.frameworks)
            raise LabError(f"{where}: layers.named: {name!r} is for {needed} only: add a framework, or remove it")
    for name in study.frameworks if study.layers else ():
        if catalog.frameworks[name].interface not in IN_PROCESS:
            raise LabError(f"{where}: frameworks: {name!r} is not WSGI or ASGI, as [layers] requires")


def _check_server(name: str, where: str, catalog: Catalog) -> None:
    label, tuning, place = server_name(name)
    server = pick(catalog.labels(), label, "server", where)
    if tuning:
        tuned(server, pick(catalog.tunings, tuning, "tuning", where), catalog.labels())
    if place:
        pick(catalog.places, place, "place", where)


def _check_behind(study: Study, where: str, catalog: Catalog) -> None:
    """A run has one backend: that of the workload, or that of the server's tuning."""
    tuned_servers = [(name, catalog.tunings.get(server_name(name).tuning)) for name in study.servers]
    needing = [(name, tuning.backend) for name, tuning in tuned_servers if tuning and tuning.backend]
    waiting = [name for name in study.workloads if catalog.workloads[name].backend]
    if needing and waiting:
        raise LabError(
            f"{where}: server {needing[0][0]!r} needs the backend {needing[0][1]}, and workload {waiting[0]!r} waits "
            f"for another: a run has one backend, so give each a study of its own"
        )


def _check_target(target: Target, study: Study, where: str, catalog: Catalog) -> None:
    against = target.against or Against()
    for name in filter(None, (target.variant, against.variant)):
        pick(catalog.variants | catalog.yardsticks, name.partition("@")[0], "variant", where)
    for name in filter(None, (*target.workloads, against.workload)):
        pick(catalog.workloads, name, "workload", where)
    for name in filter(None, (target.stack, against.stack)):
        _check_in(study, name, f"{where}: stack {name!r}")
    if target.at_most is not None and target.declared is None:
        raise LabError(f"{where}: at_most requires the day of its declaration, such as `declared = 2026-11-25`")


def _check_in(study: Study, stack: str, where: str) -> None:
    """Raises LabError unless the study measures the stack of a target."""
    parts = stack.split("/")
    axes = (study.variants, study.frameworks_on(parts[-1]), study.servers)
    own = len(parts) == len(axes) and all(part in axis for part, axis in zip(parts, axes, strict=True))
    if not own and stack not in study.peers:
        raise LabError(
            f"{where} is not measured by this study: use one of its peers, or variant/framework/server of its lists"
        )

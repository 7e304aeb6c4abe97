"""What there is to choose from: the folders of TOML files, read into the nouns of `model`.

The folder listing is the registry: a new interpreter, variant, server, workload, load or study is one more file.
A variant on another interpreter than its file names needs none: `cython@cpython-3.13`.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import msgspec

from bench.catalog.declarations import constant, listing, pick
from bench.catalog.tuning import tuned
from bench.errors import LabError
from bench.model import (
    Against,
    Backend,
    Framework,
    Interface,
    Interpreter,
    Load,
    Peer,
    Server,
    Study,
    Target,
    Tuning,
    Variant,
    Warmup,
    Workload,
    Yardstick,
)
from bench.paths import ROOT

REFERENCE = "app.core"
Moved = TypeVar("Moved", Target, Against)
MADE_OF = ("runtime", "provider", "source", "needs", "steps")  # of a peer, what its build is made of
INTERFACES: dict[Interface, str] = {"wsgi": "", "asgi": "-asgi"}  # and the end of its frameworks' names


@cache
def interpreters() -> dict[str, Interpreter]:
    """Interpreters by name."""
    return listing(Interpreter, "bench/interpreters/*.toml")


@cache
def variants() -> dict[str, Variant]:
    """Variants by name: the rewrites in `optimised` and the unchanged source in `builds`."""
    found = listing(Variant, "builds/*/*.toml", "optimised/*/*.toml")
    for variant in found.values():
        pick(interpreters(), variant.interpreter, f"interpreter of variant {variant.name!r}")
    return found


@cache
def yardsticks() -> dict[str, Yardstick]:
    """Yardsticks by name."""
    return listing(Yardstick, "bench/yardsticks/*.toml")


def variant(name: str) -> Variant:
    """The variant or yardstick of that name, which may be of a file or, as `NAME@INTERPRETER`, one moved elsewhere.

    Raises LabError if there is none, or if the interpreter is of another implementation.
    """
    own, _, elsewhere = name.partition("@")
    # Asked once a case: merging the two for each of 100,000 took a second.
    declared: Variant = variants().get(own) or pick(variants() | yardsticks(), own, "variant")
    if not elsewhere:
        return declared
    home = interpreters()[declared.interpreter]
    new = pick(interpreters(), elsewhere, f"{name}: interpreter")
    if home.implementation != new.implementation:
        raise LabError(f"{name}: {own} is made for {home.implementation}, and {new.name} is {new.implementation}")
    # where a title tells the interpreter, it tells the new one
    title = declared.title.replace(home.title, new.title) if home.title in declared.title else declared.title
    title = title if new.title in title else f"{title}, {new.title}"
    return msgspec.structs.replace(declared, name=name, title=title, interpreter=new.name)


def is_plain(variant: Variant) -> bool:
    """Whether it is the untouched source, as it is, with the standard library's codec."""
    return variant.core == REFERENCE and variant.compiler is None and variant.codec is None


@cache
def peers() -> dict[str, Peer]:
    """Peers by name, those of one build alike in all that the build is made of."""
    found = listing(Peer, "peers/*/*.toml")
    first: dict[str, Peer] = {}
    for peer in found.values():
        other = first.setdefault(peer.build, peer)
        unlike = [key for key in MADE_OF if getattr(peer, key) != getattr(other, key)]
        if unlike:
            raise LabError(f"peer {peer.name!r}: {unlike[0]} is not that of {other.name!r}, of the same build")
        if peer.name in variants() or peer.build in variants():
            raise LabError(f"peer {peer.name!r}: its name or its build's is that of a variant")
    return found


def subject(name: str) -> Variant | Peer:
    """What is built under that name: a peer, or a variant as `variant` finds it. Raises LabError if there is none."""
    return peers()[name] if name in peers() else variant(name)


def warmup_of(name: str) -> Warmup:
    """The warm-up policy of a peer or variant, its interpreter's where a variant declares none."""
    declared = subject(name)
    if isinstance(declared, Peer):
        return declared.warmup
    return declared.warmup or interpreters()[declared.interpreter].warmup


def seconds_to_warm(name: str, load: Load) -> int:
    """How many seconds a fresh server of a peer or variant is warmed before a load: what its lead-in is too short."""
    return max(0, math.ceil(warmup_of(name).seconds - load.lead_in_seconds))


def at(name: str, interpreter: str) -> str:
    """The name of a variant on that interpreter, or on the one that the name tells: its own where that is its home."""
    own, _, elsewhere = name.partition("@")
    interpreter = elsewhere or interpreter
    return own if variant(own).interpreter == interpreter else f"{own}@{interpreter}"


@cache
def servers() -> dict[str, Server]:
    """Servers by file name; the two files of one server for two implementations share their `label`."""
    found = listing(Server, "bench/servers/*.toml")
    for server in found.values():
        for backend in server.waits:
            pick(backends(), backend, f"bench/servers/{server.name}.toml: waits")
    return found


@cache
def tunings() -> dict[str, Tuning]:
    """Tunings by name, the programs and labels in them known."""
    found = listing(Tuning, "bench/tunings/*.toml")
    labels = {server.label: server for server in servers().values()}
    programs = {server.server: server for server in servers().values()}
    for tuning in found.values():
        where = f"bench/tunings/{tuning.name}.toml"
        for program in tuning.servers:
            pick(programs, program, f"{where}: servers: program")
        for label in tuning.impossible:
            pick(labels, label, f"{where}: server")
    return found


@cache
def backends() -> dict[str, Backend]:
    """Back ends by name."""
    return listing(Backend, "bench/backends/*.toml")


@cache
def workloads() -> dict[str, Workload]:
    """Workloads by name."""
    found = listing(Workload, "bench/workloads/*.toml")
    for workload in found.values():
        if workload.backend is not None:
            pick(backends(), workload.backend, f"bench/workloads/{workload.name}.toml: backend")
    return found


def add(noun: Variant | Workload) -> None:
    """Know, while this process runs, a noun that no file declares. Raises LabError if its name is taken."""
    known: dict[str, Any] = variants() if isinstance(noun, Variant) else workloads()
    if noun.name in known:
        raise LabError(f"the name {noun.name!r} is taken by one of the catalogue")
    known[noun.name] = noun


@cache
def loads() -> dict[str, Load]:
    """Loads by name, each brief one a closed load of as many users."""
    found = listing(Load, "bench/loads/*.toml")
    for load in found.values():
        brief = pick(found, load.brief, f"bench/loads/{load.name}.toml: brief") if load.brief else load
        if (brief.model, brief.users) != (load.model, load.users):
            raise LabError(f"bench/loads/{load.name}.toml: brief {brief.name!r} has to be closed, of as many users")
    return found


@cache
def studies() -> dict[str, Study]:
    """Studies by name, every name in them known."""
    found = listing(Study, "bench/studies/*.toml")
    for study in found.values():
        _check(study)
    return {name: _at_home(study) for name, study in found.items()}


@cache
def frameworks() -> dict[str, Framework]:
    """Frameworks by name, each a file whose constant `REQUIREMENTS` says what it needs installed.

    `app/wsgi/wheezy_web_app.py` is `wheezy-web`, and `app/asgi/falcon_app.py` is `falcon-asgi`.
    """
    found = {}
    for interface, suffix in INTERFACES.items():
        for path in sorted(ROOT.glob(f"app/{interface}/*_app.py")):
            name = path.stem.removesuffix("_app").replace("_", "-") + suffix
            module, requirements = f"app.{interface}.{path.stem}", constant(path, "REQUIREMENTS")
            found[name] = Framework(name=name, module=module, interface=interface, requirements=requirements)
    return found


def _at_home(study: Study) -> Study:
    """The study with each of its variants on each of its interpreters; what it compares them with is on the first."""
    if not study.interpreters:
        return study
    moved = [at(name, interpreter) for interpreter in study.interpreters for name in study.variants]
    first = study.interpreters[0]
    return msgspec.structs.replace(
        study,
        variants=tuple(dict.fromkeys(moved)),
        baseline=at(study.baseline, first),
        targets=tuple(_target_at(target, first) for target in study.targets),
    )


def _target_at(target: Target, interpreter: str) -> Target:
    against = target.against and _moved(target.against, interpreter)
    return msgspec.structs.replace(_moved(target, interpreter), against=against)


def _moved(subject: Moved, interpreter: str) -> Moved:
    """What a target is of, or held against, on that interpreter."""
    variant, slash, rest = (subject.stack or "").partition("/")
    return msgspec.structs.replace(
        subject,
        variant=subject.variant and at(subject.variant, interpreter),
        stack=f"{at(variant, interpreter)}/{rest}" if slash else subject.stack,
    )


def _check(study: Study) -> None:
    where = f"bench/studies/{study.name}.toml"
    for name in (study.baseline, *study.variants):
        pick(variants(), name.partition("@")[0], f"{where}: variant")
    for name in study.peers:
        pick(peers(), name, f"{where}: peer")
    for name in study.interpreters:
        pick(interpreters(), name, f"{where}: interpreter")
    for name in study.servers:
        _check_server(name, where)
    for name in study.frameworks:
        pick(frameworks(), name, f"{where}: framework")
    for name in study.workloads:
        pick(workloads(), name, f"{where}: workload")
    for target in study.targets:
        _check_target(target, study, f"{where}: target {target.title!r}")
    if study.macro and not study.macro.loads_of.keys() <= set(study.workloads):
        raise LabError(f"{where}: loads_of has to name workloads of the study")
    closed = [*study.macro.loads, *chain(*study.macro.loads_of.values())] if study.macro else []
    driven = (*(study.open.loads if study.open else ()), *((study.latency.load,) if study.latency else ()))
    for model, names in (("closed", closed), ("open", driven)):
        for name in names:
            if pick(loads(), name, f"{where}: load").model != model:
                raise LabError(f"{where}: load {name!r} is not {model}")
    if study.baseline not in study.variants:
        raise LabError(f"{where}: the baseline {study.baseline!r} has to be one of the variants")


def _check_server(name: str, where: str) -> None:
    label, plus, tuning = name.partition("+")
    server = pick({server.label: server for server in servers().values()}, label, f"{where}: server")
    if plus:
        tuned(server, pick(tunings(), tuning, f"{where}: tuning"))


def _check_target(target: Target, study: Study, where: str) -> None:
    against = target.against or Against()
    for name in filter(None, (target.variant, against.variant)):
        pick(variants() | yardsticks(), name.partition("@")[0], f"{where}: variant")
    for name in filter(None, (*target.workloads, against.workload)):
        pick(workloads(), name, f"{where}: workload")
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

"""The requirements of the lab and their state on this machine: system parts, interpreters, runtimes of peers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from bench.bootstrap import UNAVAILABLE
from bench.build import artifacts, peers
from bench.catalog import pairing
from bench.model import Catalog, FromDebian, FromUv, Interpreter, Peer, Provider, Provisioned, Recorded, Unavailable
from bench.provision import interpreters, system
from bench.provision.alike import OPTIMISATIONS
from bench.report.built import how


class InterpreterState(Recorded, frozen=True, kw_only=True):
    """The state of an interpreter on this machine.

    `here` is the interpreter found; without one, `reason` says why. `build_brings` lists what the command `remedy`
    would fetch before it falls back to `here`. `lacks` names missing optimisations and, by label, unsupported servers,
    with the reasons.
    """

    name: str
    title: str
    here: Provisioned | None = None
    reason: str | None = None
    build_brings: tuple[str, ...] = ()
    remedy: str | None = None
    lacks: dict[str, str]


def inventory(catalog: Catalog) -> Iterator[tuple[str, str | Unavailable]]:
    """Each requirement's name with what was found, or why it is unavailable. Installs nothing.

    It has only the interpreters that variants name in their files; `interpreter_states` has all.
    """
    kept = json.loads(UNAVAILABLE.read_text(encoding="utf-8")) if UNAVAILABLE.exists() else []
    reasons = {each["what"]: each["reason"] for each in kept}
    for part in system.parts():
        yield part.name, part_here(part, reasons)
    for name in sorted({variant.interpreter for variant in catalog.variants.values()}):
        yield name, interpreter_here(catalog.interpreters[name])
    for peer in {peer.runtime: peer for peer in catalog.peers.values()}.values():
        yield peer.runtime, runtime_here(peer)


def part_here(part: system.Part, reasons: dict[str, str]) -> str | Unavailable:
    """The commands and files of a part of the system, or its missing ones with the reason recorded at set-up."""
    if not part.missing:
        return ", ".join([*part.commands, *part.files])
    reason = reasons.get(part.name, f"{', '.join(part.missing)} not found; needed for {part.needed}")
    return Unavailable(what=part.name, reason=reason, remedy=part.remedy)


def interpreter_here(interpreter: Interpreter) -> str | Unavailable:
    """The version and place of an interpreter, or why it is unavailable; a build may bring it."""
    found = interpreters.provision(interpreter, bring=False)
    if isinstance(found, Provisioned):
        return f"{found.version} at {found.executable}, from {found.provider}"
    if any(brings(provider) for provider in interpreter.providers):
        return msgspec.structs.replace(found, reason="not installed", remedy="python -m bench build")
    return found


def runtime_here(peer: Peer) -> str | Unavailable:
    """The place of a peer's runtime, or the command that installs it."""
    if peers.is_here(peer):
        return f"{peers.home(peer)}, from {interpreters.name(peer.provider)}"
    return Unavailable(what=peer.runtime, reason="not installed", remedy=f"python -m bench build {peer.name}")


def brings(provider: Provider) -> str | None:
    """What a provider would install; None for one that only searches."""
    match provider:
        case FromDebian(packages=packages, suites=suites):
            return f"unpacks {' '.join(packages)} from Debian {' '.join(suites)}"
        case FromUv(request=request, install=True):
            return f"runs `uv python install {request}`"
        case _:
            return None


def interpreter_states(catalog: Catalog) -> list[InterpreterState]:
    """The state of every interpreter of the catalogue. Installs nothing."""
    return [state(catalog, interpreter) for interpreter in catalog.interpreters.values()]


def state(catalog: Catalog, interpreter: Interpreter) -> InterpreterState:
    """The state of an interpreter."""
    found = interpreters.provision(interpreter, bring=False)
    here = found if isinstance(found, Provisioned) else None
    brought = tuple(_brought_before(interpreter, here))
    return InterpreterState(
        name=interpreter.name,
        title=interpreter.title,
        here=here,
        build_brings=brought,
        reason=found.reason if isinstance(found, Unavailable) else None,
        remedy=_remedy(catalog, interpreter) if brought else None,
        lacks=(_goes_without(here) if here else {}) | _unserved(catalog, interpreter),
    )


def lines(state: InterpreterState) -> list[str]:
    """The lines for an interpreter: where it is, what a build would fetch, what it does not support."""
    here, brought = state.here, ", else ".join(state.build_brings)
    if here:
        found = [f"found   {state.name}: {here.version} from {here.provider} at {here.executable}; {how(here.build)}"]
    else:
        found = [f"missing {state.name}: {state.reason}"]
    if brought:
        found.append(f"        `{state.remedy}` {'first ' if here else ''}{brought}")
    return found + [f"        without {what}: {reason}" for what, reason in state.lacks.items()]


def _brought_before(interpreter: Interpreter, here: Provisioned | None) -> Iterator[str]:
    """What a build would fetch, provider by provider, before it reaches the provider of the interpreter found."""
    for provider in interpreter.providers:
        if here and interpreters.name(provider) == here.provider:
            return
        fetched = brings(provider)
        if fetched:
            yield fetched


def _remedy(catalog: Catalog, interpreter: Interpreter) -> str:
    """The command that builds the reference core on an interpreter, and so brings the interpreter."""
    plain = next(
        name
        for name, variant in catalog.variants.items()
        if variant.is_plain and catalog.interpreter_of(name).implementation == interpreter.implementation
    )
    return f"python -m bench build {catalog.at(plain, interpreter.name)}"


def _goes_without(here: Provisioned) -> dict[str, str]:
    """The optimisations that an interpreter was built without."""
    return {name: "disabled in this build" for key, name in OPTIMISATIONS.items() if here.build.get(key) is False}


def _unserved(catalog: Catalog, interpreter: Interpreter) -> dict[str, str]:
    """The servers that an interpreter lacks: declared unsupported, or unavailable to the catalogue's variants on it.

    An application's pins may exclude a server. That says nothing of the interpreter.
    """
    names = pairing.kinds(interpreter)
    declared = catalog.servers.values()
    never = {
        each.label: each.unsupported[name].reason for each in declared for name in names if name in each.unsupported
    }
    own = (each for each in artifacts.artifacts() if each.variant.partition("@")[0] in catalog.variants)
    made = (each for each in own if each.interpreter.name == interpreter.name)
    return never | {label: missing.reason for each in made for label, missing in each.lacks.items()}

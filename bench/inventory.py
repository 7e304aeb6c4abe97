"""What the lab needs, what of it is here, and how to get the rest: system parts, interpreters, what runs peers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from bench.bootstrap import UNAVAILABLE
from bench.build import artifacts, peers
from bench.catalog import pairing
from bench.model import Catalog, FromDebian, FromUv, Interpreter, Peer, Provider, Provisioned, Recorded, Unavailable
from bench.provision import interpreters, system
from bench.report.built import OPTIMISATIONS, how


class InterpreterState(Recorded, frozen=True, kw_only=True):
    """An interpreter of the catalogue as it stands on this machine.

    `here` is what was found; where nothing was, `reason` says why. `build_brings` tells what the command `remedy` would
    fetch before it made do with that. `lacks` tells what the interpreter goes without, with the reasons: ways of
    optimising it, and servers by their label.
    """

    name: str
    title: str
    here: Provisioned | None = None
    reason: str | None = None
    build_brings: tuple[str, ...] = ()
    remedy: str | None = None
    lacks: dict[str, str]


def inventory(catalog: Catalog) -> Iterator[tuple[str, str | Unavailable]]:
    """Each part's name with what is here, or with the lack that it leaves. Brings nothing.

    Of the interpreters those that a variant is at home on; `interpreter_states` has all of them.
    """
    kept = json.loads(UNAVAILABLE.read_text(encoding="utf-8")) if UNAVAILABLE.exists() else []
    reasons = {lack["what"]: lack["reason"] for lack in kept}
    for part in system.parts():
        yield part.name, part_here(part, reasons)
    for name in sorted({variant.interpreter for variant in catalog.variants.values()}):
        yield name, interpreter_here(catalog.interpreters[name])
    for peer in {peer.runtime: peer for peer in catalog.peers.values()}.values():
        yield peer.runtime, runtime_here(peer)


def part_here(part: system.Part, reasons: dict[str, str]) -> str | Unavailable:
    """A part of the system: what shows it, or what is missing of it, for the reason that set-up kept."""
    if not part.missing:
        return ", ".join([*part.commands, *part.files])
    reason = reasons.get(part.name, f"{', '.join(part.missing)} not here; needed for: {part.needed}")
    return Unavailable(what=part.name, reason=reason, remedy=part.remedy)


def interpreter_here(interpreter: Interpreter) -> str | Unavailable:
    """An interpreter: its version and place, or its lack, which a build fills where a provider brings it."""
    found = interpreters.provision(interpreter, bring=False)
    if isinstance(found, Provisioned):
        return f"{found.version} at {found.executable}, from {found.provider}"
    if any(brings(provider) for provider in interpreter.providers):
        return msgspec.structs.replace(found, reason="not here yet", remedy="python -m bench build")
    return found


def runtime_here(peer: Peer) -> str | Unavailable:
    """What runs a peer: its place, or the lack that a build of the peer fills."""
    if peers.is_here(peer):
        return f"{peers.home(peer)}, from {interpreters.name(peer.provider)}"
    return Unavailable(what=peer.runtime, reason="not here yet", remedy=f"python -m bench build {peer.name}")


def brings(provider: Provider) -> str | None:
    """What a provider would install that is not here; None for one that only looks."""
    match provider:
        case FromDebian(packages=packages, suites=suites):
            return f"unpacks {' '.join(packages)} of Debian {' '.join(suites)}"
        case FromUv(request=request, install=True):
            return f"runs `uv python install {request}`"
        case _:
            return None


def interpreter_states(catalog: Catalog) -> list[InterpreterState]:
    """Every interpreter of the catalogue as it stands here. Brings nothing."""
    return [state(catalog, interpreter) for interpreter in catalog.interpreters.values()]


def state(catalog: Catalog, interpreter: Interpreter) -> InterpreterState:
    """An interpreter as it stands here."""
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
    """What a terminal shows of an interpreter: where it is, what a build fetches, what it lacks."""
    here, brought = state.here, ", else ".join(state.build_brings)
    if here:
        told = [f"here    {state.name}: {here.version} from {here.provider} at {here.executable}; {how(here.build)}"]
    else:
        told = [f"missing {state.name}: {state.reason}"]
    if brought:
        told.append(f"        `{state.remedy}` {'first ' if here else ''}{brought}")
    return told + [f"        lacks {what}: {reason}" for what, reason in state.lacks.items()]


def _brought_before(interpreter: Interpreter, here: Provisioned | None) -> Iterator[str]:
    """What a build would fetch, provider by provider, before it came to the one that has what is here."""
    for provider in interpreter.providers:
        if here and interpreters.name(provider) == here.provider:
            return
        told = brings(provider)
        if told:
            yield told


def _remedy(catalog: Catalog, interpreter: Interpreter) -> str:
    """The command that builds the untouched source on an interpreter, which it brings."""
    plain = next(
        name
        for name, variant in catalog.variants.items()
        if variant.is_plain and catalog.interpreter_of(name).implementation == interpreter.implementation
    )
    return f"python -m bench build {catalog.at(plain, interpreter.name)}"


def _goes_without(here: Provisioned) -> dict[str, str]:
    """The ways of optimising an interpreter that its builder left out."""
    return {name: "not built with it" for key, name in OPTIMISATIONS.items() if here.build.get(key) is False}


def _unserved(catalog: Catalog, interpreter: Interpreter) -> dict[str, str]:
    """The servers that cannot be had on an interpreter: as declared, and as the builds on it found."""
    names = pairing.kinds(interpreter)
    declared = catalog.servers.values()
    never = {
        each.label: each.unsupported[name].reason for each in declared for name in names if name in each.unsupported
    }
    made = (each for each in artifacts.artifacts() if each.interpreter.name == interpreter.name)
    return never | {label: lack.reason for each in made for label, lack in each.lacks.items()}

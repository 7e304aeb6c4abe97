"""What the lab needs, what of it is here, and how to get the rest: the system parts and the interpreters."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from bench import catalog, provision, system
from bench.bootstrap import HOLES
from bench.model import FromDebian, FromUv, Hole, Interpreter, Provider, Provisioned


def inventory() -> Iterator[tuple[str, str | Hole]]:
    """Each part's name with what is here, or with the hole that it leaves. Brings nothing."""
    kept = json.loads(HOLES.read_text(encoding="utf-8")) if HOLES.exists() else []
    reasons = {hole["what"]: hole["reason"] for hole in kept}
    for part in system.parts():
        yield part.name, part_here(part, reasons)
    for interpreter in catalog.interpreters().values():
        yield interpreter.name, interpreter_here(interpreter)


def part_here(part: system.Part, reasons: dict[str, str]) -> str | Hole:
    """A part of the system: what shows it, or what is missing of it, for the reason that set-up kept."""
    if not part.missing:
        return ", ".join([*part.commands, *part.files])
    reason = reasons.get(part.name, f"{', '.join(part.missing)} not here; needed for: {part.needed}")
    return Hole(what=part.name, reason=reason, fill=part.fill)


def interpreter_here(interpreter: Interpreter) -> str | Hole:
    """An interpreter: its version and place, or its hole, which a build fills where a provider brings it."""
    found = provision.provision(interpreter, bring=False)
    if isinstance(found, Provisioned):
        return f"{found.version} at {found.executable}, from {found.provider}"
    if any(brings(provider) for provider in interpreter.providers):
        return msgspec.structs.replace(found, reason="not here yet", fill="python -m bench build")
    return found


def brings(provider: Provider) -> bool:
    """Whether a provider can install what is not here."""
    return isinstance(provider, FromDebian) or (isinstance(provider, FromUv) and provider.install)

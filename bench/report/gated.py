"""The gates that a session's runs could trip, with the runs that tripped them, and the generators' agreement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench.analysis import bottlenecks, gates
from bench.model import Run, Stack


class Rejected(msgspec.Struct, frozen=True):
    """A run that a gate rejected, and why."""

    label: str
    reason: str


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gate: its requirement, what it spoils, and the runs under load that it rejected."""

    name: str
    requirement: str
    spoils: str
    rejected: tuple[Rejected, ...]


def gated(runs: Iterable[Run], null: float | None) -> tuple[GateResult, ...]:
    """The results of the gates that a run under load could trip.

    A run whose whole row is spoilt has its reason and no figures.
    """
    runs = [run for run in runs if run.case.instrument == "macro"]
    judged = [(run, gates.judge(run, null)) for run in runs]
    listed = [gate for gate in gates.GATES if any(gate.could_trip(run, null) for run in runs)]
    found = ((gate, tuple(_rejected(gate, judged))) for gate in gates.GATES)
    return tuple(
        GateResult(name=gate.name, requirement=gate.requirement, spoils=gate.spoils, rejected=rejected)
        for gate, rejected in found
        if rejected or gate in listed
    )


def agreements(runs: Iterable[Run]) -> tuple[float, ...]:
    """Server CPU per request under the pacer ÷ under Gatling: each stack's median over runs with both, sorted."""
    found: dict[Stack | None, list[float]] = {}
    for run in runs:
        if ratio := bottlenecks.agreement(run):
            found.setdefault(run.case.stack, []).append(ratio)
    return tuple(sorted(map(median, found.values())))


def _rejected(gate: gates.Gate, judged: Sequence[tuple[Run, tuple[gates.Tripped, ...]]]) -> Iterable[Rejected]:
    for run, found in judged:
        label = f"{run.case.label}, block {run.block}"
        for tripped in found:
            if (tripped.gate, tripped.spoils) == (gate.name, gate.spoils):
                yield Rejected(label, tripped.reason)
        if run.reason and run.gate == gate.name:
            yield Rejected(label, run.reason)

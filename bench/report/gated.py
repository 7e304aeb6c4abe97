"""The gates that a session's runs could trip, with what did not pass them, and how far the two generators agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench.analysis import bottlenecks, gates
from bench.model import Run, Stack


class Stopped(msgspec.Struct, frozen=True):
    """A run that did not pass, and why."""

    label: str
    reason: str


class Gated(msgspec.Struct, frozen=True, kw_only=True):
    """A gate: what it asks and spoils, and what it stopped of the runs under load."""

    name: str
    asks: str
    spoils: str
    stopped: tuple[Stopped, ...]


def gated(runs: Iterable[Run], null: float | None) -> tuple[Gated, ...]:
    """The gates over the runs under load, none that no run could trip.

    A run that lost its whole row has left its reason and no figures.
    """
    runs = [run for run in runs if run.case.instrument == "macro"]
    judged = [(run, gates.judge(run, null)) for run in runs]
    listed = [gate for gate in gates.GATES if any(gate.could_trip(run, null) for run in runs)]
    found = ((gate, tuple(_stopped(gate, judged))) for gate in gates.GATES)
    return tuple(
        Gated(name=gate.name, asks=gate.asks, spoils=gate.spoils, stopped=stopped)
        for gate, stopped in found
        if stopped or gate in listed
    )


def agreements(runs: Iterable[Run]) -> tuple[float, ...]:
    """Server CPU per request under the pacer ÷ that under Gatling, of each stack the median of the runs that have both.

    The least comes first.
    """
    found: dict[Stack | None, list[float]] = {}
    for run in runs:
        if ratio := bottlenecks.agreement(run):
            found.setdefault(run.case.stack, []).append(ratio)
    return tuple(sorted(map(median, found.values())))


def _stopped(gate: gates.Gate, judged: Sequence[tuple[Run, tuple[gates.Tripped, ...]]]) -> Iterable[Stopped]:
    for run, found in judged:
        label = f"{run.case.label}, block {run.block}"
        for tripped in found:
            if (tripped.gate, tripped.spoils) == (gate.name, gate.spoils):
                yield Stopped(label, tripped.reason)
        if run.reason and run.gate == gate.name:
            yield Stopped(label, run.reason)

"""Every gate with what did not pass it, and how far the two generators agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench import gates
from bench.model import Run


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
    """All gates over the runs under load; one that spoiled a whole row has left its reason and no figures."""
    runs = [run for run in runs if run.case.instrument == "macro"]
    judged = [(run, gates.judge(run, null)) for run in runs]
    return tuple(
        Gated(name=gate.name, asks=gate.asks, spoils=gate.spoils, stopped=tuple(_stopped(gate, judged)))
        for gate in gates.GATES
    )


def agreements(runs: Iterable[Run]) -> tuple[float, ...]:
    """Server CPU per request under wrk ÷ that under Gatling, of each run that has both, the least first."""
    return tuple(sorted(ratio for run in runs if (ratio := gates.agreement(run))))


def _stopped(gate: gates.Gate, judged: Sequence[tuple[Run, tuple[gates.Tripped, ...]]]) -> Iterable[Stopped]:
    for run, found in judged:
        label = f"{run.case.label}, block {run.block}"
        for tripped in found:
            if (tripped.gate, tripped.spoils) == (gate.name, gate.spoils):
                yield Stopped(label, tripped.reason)
        if run.reason and run.reason.startswith(f"{gate.name}: ") and gate.spoils == "row":
            yield Stopped(label, run.reason.removeprefix(f"{gate.name}: "))

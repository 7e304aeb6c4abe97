"""Results: sessions, their runs, and the measurements of each run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bench.model.base import Recorded
from bench.model.built import Artifact, BuiltPeer, Unavailable
from bench.model.case import Case
from bench.model.plan import Plan
from bench.model.race import Again, Race

Verdict = Literal["pass", "unavailable", "unsupported", "failed", "eliminated"]


class Measurement(Recorded, frozen=True):
    """The raw values of a metric, in `unit`, in the order they were taken."""

    metric: str
    unit: str
    values: tuple[float, ...]


class Observed(Recorded, frozen=True):
    """The observations of one case by its instrument.

    `facts` holds the provenance and other facts about the run. `series` holds time series; a row begins with the
    seconds since the measured part began. Gates are applied when the results are read (`bench.analysis.gates`).
    """

    measurements: tuple[Measurement, ...] = ()
    facts: dict[str, Any] = {}
    series: dict[str, tuple[tuple[float | None, ...], ...]] = {}

    def values(self, metric: str) -> tuple[float, ...]:
        """The values of `metric`; empty if it was not measured."""
        return next((m.values for m in self.measurements if m.metric == metric), ())

    def value(self, metric: str) -> float | None:
        """The first value of `metric`; None if it was not measured."""
        return next(iter(self.values(metric)), None)

    def part(self, name: str) -> Observed:
        """The observations under one of several loads: the entries whose names begin with `name` and a dot."""
        prefix = f"{name}."
        return Observed(
            measurements=tuple(
                msgspec.structs.replace(each, metric=each.metric.removeprefix(prefix))
                for each in self.measurements
                if each.metric.startswith(prefix)
            ),
            facts=self.facts.get(name, {}),
            series={key.removeprefix(prefix): rows for key, rows in self.series.items() if key.startswith(prefix)},
        )


class Run(Observed, frozen=True, kw_only=True):
    """One execution of a case in fresh processes, with its observations. It is saved as soon as it ends.

    Without the verdict `pass` there are no observations: `reason` says why, and `gate` names the gate that rejected
    the run, if one did. `stolen` is the share of CPU time that the hypervisor took, None if unknown. `machine`
    identifies one of several equal machines. `raw` lists the tools' output files, relative to the session's folder.
    """

    case: Case
    block: int
    started: str
    seconds: float
    stolen: float | None = None
    verdict: Verdict
    reason: str | None = None
    gate: str | None = None
    machine: str | None = None
    raw: tuple[str, ...] = ()

    @property
    def told(self) -> str | None:
        """The reason, preceded by the gate that rejected the run."""
        return f"{self.gate}: {self.reason}" if self.gate else self.reason


class Ready(Recorded, frozen=True, kw_only=True):
    """A machine's state for a plan: its description, what is built on it, and what is `unavailable`.

    `missing` says by phase why the whole phase cannot be measured. `unserved` says by variant and workload why its
    backend is missing. `generator` is the fingerprint of the machines that generate the load, if others do.
    """

    machine: dict[str, Any]
    artifacts: dict[str, Artifact | BuiltPeer]
    unavailable: tuple[Unavailable, ...] = ()
    missing: dict[str, Unavailable] = {}
    unserved: dict[str, dict[str, Unavailable]] = {}
    generator: str | None = None


class Account(Recorded, frozen=True, kw_only=True):
    """The cost of one start of `run`, in seconds: wall time, CPU of the lab itself, and time spent beside measuring.

    `noise` has one message for each block in which something disturbed the machine. `commit` is that of the code that
    measured.
    """

    commit: str | None = None
    wall_seconds: float
    lab_seconds: float
    starts_seconds: float = 0.0
    checks_seconds: float = 0.0
    cool_downs_seconds: float = 0.0
    noise: tuple[str, ...] = ()


class Session(Recorded, frozen=True, kw_only=True):
    """One measurement of a plan: the plan, the seed, the machine. Blocks are numbered within each phase.

    Every block is measured on one machine: this one, or one that equals it. With a `race`, not every case was measured
    in full. `again` holds the stacks whose servers disagreed.
    """

    plan: Plan
    started: str
    seed: int
    machine: dict[str, Any]
    finished: str | None = None
    accounts: tuple[Account, ...] = ()
    race: Race | None = None
    again: tuple[Again, ...] = ()

    @property
    def study(self) -> str:
        """The name of the study."""
        return self.plan.study.name

    @property
    def commits(self) -> set[str | None]:
        """The commits at which it was begun and continued."""
        return {self.machine.get("commit"), *(each.commit for each in self.accounts if each.commit)}

    @property
    def unavailable(self) -> tuple[Unavailable, ...]:
        """Everything that was not measured, with the reasons."""
        return self.plan.unavailable

"""What a study yields: runs with their measurements, sessions."""

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
    """A metric's raw values, in `unit`, in the order in which they were taken."""

    metric: str
    unit: str
    values: tuple[float, ...]


class Observed(Recorded, frozen=True):
    """What an instrument saw of one case.

    `facts` is the provenance and what else describes what ran; `series` holds time series as rows beginning with
    seconds since the measured part began. What spoils a part of it is seen when it is read (`bench.analysis.gates`).
    """

    measurements: tuple[Measurement, ...] = ()
    facts: dict[str, Any] = {}
    series: dict[str, tuple[tuple[float | None, ...], ...]] = {}

    def values(self, metric: str) -> tuple[float, ...]:
        """The values of `metric`, none if it was not measured."""
        return next((m.values for m in self.measurements if m.metric == metric), ())

    def value(self, metric: str) -> float | None:
        """The first value of `metric`; None if it was not measured."""
        return next(iter(self.values(metric)), None)

    def part(self, name: str) -> Observed:
        """What was observed under one of several loads: what of this begins with its name and a dot."""
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
    """One execution of a case in fresh processes, saved at once, with what was observed of it.

    Where the verdict is not `pass`, nothing was; `reason` says why, and `gate` which one ended it, if any. `stolen` is
    the share of the CPU time that the hypervisor took meanwhile, None if unknown. `machine` tells which of several
    equal ones it ran on. `raw` names the kept outputs of the tools, relative to the session's folder.
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
        """The reason, after the gate that ended it."""
        return f"{self.gate}: {self.reason}" if self.gate else self.reason


class Ready(Recorded, frozen=True, kw_only=True):
    """What a machine has for a plan: its description, what is built on it, and in `unavailable` what is not.

    `missing` says by phase why all of it cannot be measured, `unserved` by variant and workload which back end lacks.
    `generator` is the fingerprint of the machines that generate its load, where it does not do so itself.
    """

    machine: dict[str, Any]
    artifacts: dict[str, Artifact | BuiltPeer]
    unavailable: tuple[Unavailable, ...] = ()
    missing: dict[str, Unavailable] = {}
    unserved: dict[str, dict[str, Unavailable]] = {}
    generator: str | None = None


class Account(Recorded, frozen=True, kw_only=True):
    """What one start of `run` spent: wall time, CPU of the lab's own process, and time beside measuring, in seconds.

    `noise` says what disturbed the machine, in words, once a block; `commit` is that of the code which measured.
    """

    commit: str | None = None
    wall_seconds: float
    lab_seconds: float
    starts_seconds: float = 0.0
    checks_seconds: float = 0.0
    cool_downs_seconds: float = 0.0
    noise: tuple[str, ...] = ()


class Session(Recorded, frozen=True, kw_only=True):
    """One start of `run`: its plan, seed and machine. Blocks are numbered within a phase of the plan.

    All its blocks are measured on this machine or on others that equal it, each block on one of them. With a `race`,
    not every case was measured to the end. `again` holds the stacks whose servers disagreed.
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
        """The name of its study."""
        return self.plan.study.name

    @property
    def unavailable(self) -> tuple[Unavailable, ...]:
        """What was not measured, and why."""
        return self.plan.unavailable

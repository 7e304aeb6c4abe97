"""What a study yields: cases, runs with their measurements, sessions."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from bench.model.base import RankedBy, Recorded
from bench.model.built import Artifact, BuiltPeer, Hole
from bench.model.study import Target

Instrument = Literal["micro", "macro", "startup", "size", "instructions", "null", "suite", "factors"]
Verdict = Literal["pass", "hole", "failed", "dropped"]


class Stack(Recorded, frozen=True):
    """variant × framework × server (with its worker class), written `variant/framework/server`.

    A peer is all three: its name stands for the variant, and alone.
    """

    variant: str
    framework: str = ""
    server: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.variant, self.framework, self.server)))

    @property
    def is_peer(self) -> bool:
        """Whether it is a peer."""
        return not self.server

    @property
    def label(self) -> str:
        """The server as its file calls it, without a tuning."""
        return self.server.partition("+")[0]


class Case(Recorded, frozen=True):
    """One point of the matrix.

    `inputs` holds a hash of each thing that could change the figure (source, interpreter, server, documents, load,
    harness), so `identity` changes when one of them does. `twin` marks the second half of an A/A pair; `path` is what
    the core is forced to, where it would choose another one by itself; `framework` is one that nothing serves. An open
    load is driven at a `rate`; and then, where there are `shares`, at those of what the same server can answer.
    """

    instrument: Instrument
    variant: str
    stack: Stack | None = None
    workload: str | None = None
    load: str | None = None
    rate: float | None = None
    shares: tuple[float, ...] = ()
    twin: bool = False
    path: str | None = None
    framework: str | None = None
    settings: dict[str, int] = {}
    inputs: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """16 hex digits, equal for equal cases only."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]

    @property
    def is_plain(self) -> bool:
        """Whether it measures its subject as it is: no half of a pair, no forced path, one thread, not slowed."""
        return not (self.twin or self.path or "threads" in self.settings or "slower" in self.settings)

    @property
    def is_open(self) -> bool:
        """Whether its load is open, and driven at what the session's closed loads found."""
        return self.rate is not None

    @property
    def levels(self) -> tuple[str, ...]:
        """The names of its several rates, such as `common` and `own 30` (percent); none without shares."""
        return ("common", *(f"own {round(100 * share)}" for share in self.shares)) if self.shares else ()

    @property
    def label(self) -> str:
        """The case in words, for progress lines and messages."""
        what = str(self.stack) if self.stack else self.variant
        parts = [self.instrument, what, self.framework, self.workload, self.load, "A/A twin" if self.twin else None]
        parts.append(f"on path {self.path}" if self.path else None)
        return " ".join(part for part in parts if part)


def stack_of(case: Case) -> Stack:
    """The stack of a case whose instrument measures one."""
    if case.stack is None:
        raise ValueError(f"{case.label}: it has no stack")
    return case.stack


class Measurement(Recorded, frozen=True):
    """A metric's raw values, in `unit`, in the order in which they were taken."""

    metric: str
    unit: str
    values: tuple[float, ...]


class Observed(Recorded, frozen=True):
    """What an instrument saw of one case.

    `facts` is the witness and what else describes what ran; `series` holds time series as rows beginning with
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
    """What a machine has for a study: itself described, what is built, and the holes.

    `missing` holds what a phase of that name lacks altogether, `unserved` what the workloads with a back end lack of
    it, by variant. `generator` is the fingerprint of the machines that
    generate load for it, where it does not do so itself.
    """

    machine: dict[str, Any]
    artifacts: dict[str, Artifact | BuiltPeer]
    holes: tuple[Hole, ...] = ()
    missing: dict[str, Hole] = {}
    unserved: dict[str, dict[str, Hole]] = {}
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


class Dropped(Recorded, frozen=True, kw_only=True):
    """A stack that a race measures no further on a workload, and why; it was raced under the brief `load`.

    It took `times` as much server CPU per request as `best`, or `by` rate time between answers, with the 95 % interval
    `low` … `high`, over so many fresh `servers` each; absent where a run of it failed. `worse` says that this is beyond
    chance; else the budget had no room for it.
    """

    stack: Stack
    workload: str
    load: str
    reason: str
    best: Stack | None = None
    by: RankedBy = "cpu"
    times: float | None = None
    low: float | None = None
    high: float | None = None
    servers: int | None = None
    worse: bool = False


class Round(Recorded, frozen=True, kw_only=True):
    """A round of a race: how many candidates ran in so many blocks, the seconds that took, and whom it dropped."""

    candidates: int
    blocks: int
    seconds: float
    dropped: tuple[Dropped, ...] = ()


class Race(Recorded, frozen=True, kw_only=True):
    """How a study was cut to a budget: the rounds so far, and whom the budget `left_out` after them.

    A candidate is a stack on a workload; `finalists` counts those that are measured as the study says, absent until
    that is settled, by so many `runs` each where the budget has no room for the study's.
    """

    budget_seconds: float
    rounds: tuple[Round, ...] = ()
    left_out: tuple[Dropped, ...] = ()
    finalists: int | None = None
    runs: int | None = None

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """All that are out, those of the first round first."""
        return tuple(each for round_ in self.rounds for each in round_.dropped) + self.left_out


class Again(Recorded, frozen=True):
    """A stack of which one server lay far from its equals under a load, so that it got another one, in that block."""

    stack: Stack
    workload: str
    load: str
    block: int


class Session(Recorded, frozen=True):
    """One start of `run`: its seed, machine, cases and holes. Blocks are numbered within a phase of the study.

    All its blocks are measured on this machine or on others that equal it, each block on one of them. With a `race`,
    not every case was measured to the end. `again` holds the stacks whose servers disagreed, `targets` are those that
    the study had when it began; None if unknown.
    """

    study: str
    started: str
    seed: int
    machine: dict[str, Any]
    cases: tuple[Case, ...]
    holes: tuple[Hole, ...] = ()
    finished: str | None = None
    accounts: tuple[Account, ...] = ()
    race: Race | None = None
    again: tuple[Again, ...] = ()
    targets: tuple[Target, ...] | None = None

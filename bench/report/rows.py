"""What a session says, as frozen rows of figures: the page, the terminal's table and the answer read nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.analysis.breaking import Overload
from bench.analysis.comparison import Comparison
from bench.analysis.drift import Drift
from bench.analysis.selftest import Selftest
from bench.analysis.stats import Ratio
from bench.analysis.warmup import Shape
from bench.model import Catalog, Plan, Run, Session, Stack, Study, Verdict
from bench.report.cost import Cost, Price
from bench.report.estimates import Figure
from bench.report.gated import Gated
from bench.report.latencies import Latencies
from bench.report.ranking import Ranked
from bench.report.stolen import Stolen
from bench.report.suites import Tested
from bench.report.targets import Held

Series = tuple[tuple[float | None, ...], ...]


class InstructionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions a document and how far the counted passes lie apart (1 is as much as the count itself).

    `path` is what the core took under the counter; `timed_path` what it takes by itself, if that is another one. Then
    `time` and `speedup` are of `path`, too.
    """

    instructions: Figure
    spread: float | None = None
    path: str | None = None
    timed_path: str | None = None
    time: Figure
    speedup: Comparison


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """A variant by itself, without a server: seconds per document, steady and for the first one of a process.

    `plain` is the reference as it is, on whatever interpreter. `settled` is how many seconds of work a fresh process
    took until it was steady.
    """

    variant: str
    workload: str
    title: str
    baseline: bool
    rewritten: bool
    plain: bool = False
    time: Figure
    first: Figure
    settled: Figure
    shape: Shape | None
    speedup: Comparison
    counts: InstructionCounts
    build_seconds: Figure
    wheel_bytes: Figure
    facts: dict[str, Any]
    verdict: Verdict
    reason: str | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A stack: seconds of server CPU per request under the closed load, requests per second, seconds, bytes.

    `place` is what the core runs behind, as short as the study allows; `server` is the server's title. `warmed` is
    how many seconds of load a fresh server took until it was steady. A peer's speed-up is over the baseline behind the
    study's first server.
    """

    stack: Stack
    workload: str
    place: str
    core: Core
    server: str
    cpu: Figure
    speedup: Comparison
    capacity: Figure
    memory: Figure
    start: Figure
    start_p95: Figure
    warmed: Figure
    parts: dict[str, dict[str, float]]
    unpacked: Figure
    compressed: Figure
    cost: Cost
    verdict: Verdict
    reason: str | None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How one run under a load went, second by second, its series as stored; `rate` in requests per second.

    `memory` is in bytes by the moment at which it was held.
    `capacity` is what the closed load found for the stack, `overload` what an open load did to it.
    """

    stack: Stack
    place: str
    title: str
    load: str
    block: int
    rate: float | None
    series: dict[str, Series]
    percentiles: dict[str, Figure]
    memory: dict[str, float]
    raw: tuple[str, ...]
    capacity: float | None = None
    overload: Overload | None = None


class Change(msgspec.Struct, frozen=True):
    """Another stack than today's: the server CPU per request of today's ÷ that of it."""

    stack: Stack
    gain: Comparison


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """All that a session says of one workload; in that of the study's first, `others` holds those of the others.

    There stand the study's `targets`, too, what its frameworks were `tested` with, and the runs of which CPU time was
    `stolen`. `peers` are told as cores of which nothing is known without a server.

    `same` is the ratio of the A/A pair and `selftest` the machine's; `floor` and `floor_served` are the noise floors
    that they give, without a server and with one, 0 where nothing tells of a bias. `residual` is the standard deviation
    of server CPU from server to server. `lead` compares the fastest core with the second, `cheapest` the stack that
    spends the least server CPU with the next. `agreements` are the pacer's server CPU per request as shares of
    Gatling's, one a stack; `null` is what the null server answered a second. `machines` counts the equal ones that
    measured. Where not every request was `awaited`, server CPU per request is too high for what is slow and was warmed
    before. `ranking` holds the stacks from the best on; `raced` those of a race's rounds, where they ran under another
    load. `fronts` are the proxies before servers, with their versions. `latencies` are of the open loads for latency,
    `courses` of all others. Where speed-ups and targets are `over` several sessions, `session` is the last of these.
    `drift` is what a session of factors says. Of a user's application, `changes` are what the other stacks bring.
    """

    workload: str
    session: Session
    same: Ratio | None
    selftest: Selftest | None
    floor: float
    floor_served: float
    lead: Comparison
    cheapest: Comparison
    cores: tuple[Core, ...]
    peers: tuple[Core, ...] = ()
    rows: tuple[Row, ...]
    courses: tuple[Course, ...]
    ranking: tuple[Ranked, ...] = ()
    raced: tuple[Ranked, ...] = ()
    gates: tuple[Gated, ...]
    agreements: tuple[float, ...]
    latencies: tuple[Latencies, ...] = ()
    null: float | None
    machines: int
    awaited: bool = True
    residual: float | None = None
    failed: tuple[Run, ...]
    price: Price | None
    others: tuple[Finding, ...] = ()
    targets: tuple[Held, ...] = ()
    stolen: Stolen = Stolen()
    fronts: tuple[str, ...] = ()
    tested: tuple[Tested, ...] = ()
    over: tuple[Session, ...] = ()
    drift: Drift | None = None
    changes: tuple[Change, ...] = ()

    @property
    def study(self) -> Study:
        """The study that was measured, as the session has it."""
        return self.session.plan.study

    @property
    def catalog(self) -> Catalog:
        """The declarations that the session was made of."""
        return self.session.plan.catalog

    @property
    def title(self) -> str:
        """The title of its workload."""
        return self.catalog.workloads[self.workload].title

    @property
    def each(self) -> tuple[Finding, ...]:
        """The findings of all workloads, in the study's order."""
        return (self, *self.others)

    @property
    def compares_cores(self) -> bool:
        """Whether one core is held against another, or against a peer."""
        return len(self.study.variants) + len(self.study.peers) > 1

    @property
    def ranks_stacks(self) -> bool:
        """Whether it is stacks that the study compares: it has one core for all, or they were raced."""
        raced, own = self.session.race is not None, self.is_of_an_application
        return self.study.macro is not None and (not self.compares_cores or raced or own)

    @property
    def is_of_an_application(self) -> bool:
        """Whether it is a user's application that was measured."""
        return self.catalog.variant(self.study.baseline).application is not None

    @property
    def baseline(self) -> Core:
        """What all speed-ups are relative to."""
        return next(core for core in self.cores if core.baseline)

    @property
    def places(self) -> tuple[str, ...]:
        """What the cores run behind, in the study's order; then what the peers do."""
        stacks = [Stack(variant="", framework=f, server=s) for s in self.study.servers for f in self.study.frameworks]
        stacks += [Stack(variant=name) for name in self.study.peers]
        return tuple(dict.fromkeys(place(stack, self.session.plan) for stack in stacks))

    @property
    def closed(self) -> tuple[Course, ...]:
        """The courses behind the figures of the rows."""
        return tuple(course for course in self.courses if course.load == closed_load(self.study, self.workload))

    @property
    def open(self) -> tuple[Course, ...]:
        """The courses of the open loads, load by load; of each the peers come last."""
        found = [course for course in self.courses if course.rate is not None]
        order = {load: place for place, load in enumerate(dict.fromkeys(course.load for course in found))}
        return tuple(sorted(found, key=lambda course: (order[course.load], course.stack.is_peer, course.title)))


def place(stack: Stack, plan: Plan) -> str:
    """A stack without its variant: the server, after the framework where the study has several; that of a peer."""
    if stack.is_peer:
        return plan.catalog.peers[stack.variant].server
    return stack.server if len(plan.study.frameworks) == 1 else f"{stack.framework}/{stack.server}"


def closed_load(study: Study, workload: str) -> str | None:
    """The load that a workload's figures come from: the first closed one."""
    return study.macro.loads_for(workload)[0] if study.macro else None

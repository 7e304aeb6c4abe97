"""A finding as frozen rows of figures, the only source of the page, the terminal's table and the answer."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec

from bench.analysis.breaking import Overload
from bench.analysis.comparison import Comparison
from bench.analysis.drift import Drift
from bench.analysis.selftest import Selftest
from bench.analysis.stats import Ratio
from bench.analysis.warmup import Shape
from bench.model import Catalog, Plan, Run, Session, Stack, Study, Verdict
from bench.report.attacked import Attacked
from bench.report.cost import Cost, Price
from bench.report.delivered import Delivered
from bench.report.estimates import Figure
from bench.report.gated import GateResult
from bench.report.latencies import Latencies
from bench.report.layered import Layered
from bench.report.limited import Limited
from bench.report.ranking import Ranked
from bench.report.replaced import Replaced
from bench.report.stolen import Stolen
from bench.report.suites import SuiteResult
from bench.report.targets import TargetResult

Series = tuple[tuple[float | None, ...], ...]


class InstructionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions per document, and the `spread` of the counted passes (0.01 is 1 % of the count).

    `path` is the core's path under the counter, `timed_path` its usual one if that differs. Then `time` and `speedup`
    are those of `path`.
    """

    instructions: Figure
    spread: float | None = None
    path: str | None = None
    timed_path: str | None = None
    time: Figure
    speedup: Comparison


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """A variant without a server: seconds per document, in the steady state and for the first document of a process.

    `plain`: the reference core, on any interpreter. `settled` is the seconds of work of a fresh process before its
    steady state. `source` counts its lines beside the reference core, `dependencies` the packages that it brings.
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
    source: Figure = Figure()
    dependencies: Figure = Figure()
    facts: dict[str, Any]
    verdict: Verdict
    reason: str | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A stack: seconds of server CPU per request under the closed load, requests per second, seconds, bytes.

    `place` is the framework and server of the core, as short as the study allows; `server` is the server's title.
    `warmed` is the seconds of load of a fresh server before its steady state. `backend` is the seconds of CPU per
    request of the backend, which runs on the generator's cores and is no part of the server. A peer's speed-up is
    relative to the baseline behind the study's first server.
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
    backend: Figure = Figure()
    parts: dict[str, dict[str, float]]
    unpacked: Figure
    compressed: Figure
    cost: Cost
    verdict: Verdict
    reason: str | None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One run under a load second by second, with its stored series; `rate` is in requests per second.

    `memory` is in bytes by moment. `capacity` is that of the stack under the closed load. `overload` is the effect of
    an open load.
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
    """A change of stack. `gain`: server CPU per request of the present stack ÷ that of `stack`."""

    stack: Stack
    gain: Comparison


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a session for one workload. The finding of the study's first workload has the others in `others`.

    Of the whole study, in the finding of the first workload:
    - `targets`, `tested` (the frameworks under the test suite), `stolen` (runs with stolen CPU time);
    - `proxies` before servers, with their versions;
    - `over`: the sessions, if ratios are over several; `session` is the last of them;
    - `sessions`: how many sessions of the study are kept;
    - `drift`: the effects of the factors, for a study of factors;
    - `attacked`: the stacks under attack;
    - `limited`: the stacks within limits on CPU time;
    - `replaced`: the stacks that were replaced while clients asked;
    - `delivered`: the deliveries, from a push to the first right answer.

    Comparisons:
    - `same` is the ratio of the study's A/A pair, `selftest` the machine's self-test. `floor` and `floor_served` are
      the noise floors from both, without and with a server; 0 without a known bias.
    - `lead` compares the fastest core with the second.
    - `residual` is the standard deviation of server CPU between fresh servers of a stack.
    - `agreements` are ratios of server CPU per request under the pacer and under Gatling, one for each stack.

    Rows:
    - `peers` are cores without figures outside their server.
    - `ranking` holds the stacks from the best on, `raced` those of a race's rounds under another load.
    - `layered` holds requests through layers within a process.
    - `latencies` are those of the open loads for latency, `courses` the runs under all other loads.
    - `null` is the null server's rate in requests per second. `machines` counts the equal machines that shared blocks.
    """

    workload: str
    session: Session
    same: Ratio | None
    selftest: Selftest | None
    floor: float
    floor_served: float
    lead: Comparison
    cores: tuple[Core, ...]
    peers: tuple[Core, ...] = ()
    rows: tuple[Row, ...]
    courses: tuple[Course, ...]
    ranking: tuple[Ranked, ...] = ()
    raced: tuple[Ranked, ...] = ()
    gates: tuple[GateResult, ...]
    agreements: tuple[float, ...]
    latencies: tuple[Latencies, ...] = ()
    null: float | None
    machines: int
    residual: float | None = None
    failed: tuple[Run, ...]
    price: Price | None
    others: tuple[Finding, ...] = ()
    targets: tuple[TargetResult, ...] = ()
    stolen: Stolen = Stolen()
    proxies: tuple[str, ...] = ()
    tested: tuple[SuiteResult, ...] = ()
    layered: Layered = Layered()
    over: tuple[Session, ...] = ()
    sessions: int = 1
    drift: Drift | None = None
    attacked: tuple[Attacked, ...] = ()
    limited: Limited = Limited()
    replaced: tuple[Replaced, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def study(self) -> Study:
        """The study as declared in the session."""
        return self.session.plan.study

    @property
    def catalog(self) -> Catalog:
        """The declarations of the session."""
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
        """Whether the study compares cores, or a core with a peer."""
        return len(self.study.variants) + len(self.study.peers) > 1

    @property
    def ranks_stacks(self) -> bool:
        """Whether the study ranks stacks: it has a single core, or a race."""
        raced, own = self.session.race is not None, self.is_of_an_application
        return self.study.macro is not None and (not self.compares_cores or raced or own)

    @property
    def is_of_an_application(self) -> bool:
        """Whether the study measures a user's application."""
        return self.session.plan.is_of_an_application

    @property
    def baseline(self) -> Core:
        """The core that all speed-ups are relative to."""
        return next(core for core in self.cores if core.baseline)

    @property
    def places(self) -> tuple[str, ...]:
        """The places of the cores, in the study's order, then those of the peers."""
        study = self.study
        stacks = [Stack(variant="", framework=f, server=s) for s in study.servers for f in study.frameworks_on(s)]
        stacks += [Stack(variant=name) for name in study.peers]
        return tuple(dict.fromkeys(place(stack, self.session.plan) for stack in stacks))

    def row(self, core: Core, place: str) -> Row | None:
        """The stack of a core at a place; None if there is none."""
        return next((row for row in self.rows if row.core is core and row.place == place), None)

    @property
    def closed(self) -> tuple[Course, ...]:
        """The courses from which the figures of the rows come."""
        return tuple(course for course in self.courses if course.load == closed_load(self.study, self.workload))

    @property
    def open(self) -> tuple[Course, ...]:
        """The courses of the open loads, load by load, peers last."""
        found = [course for course in self.courses if course.rate is not None]
        order = {load: place for place, load in enumerate(dict.fromkeys(course.load for course in found))}
        return tuple(sorted(found, key=lambda course: (order[course.load], course.stack.is_peer, course.title)))


def place(stack: Stack, plan: Plan) -> str:
    """A stack without its variant: its server, with the framework if the study has several; for a peer, its server."""
    if stack.is_peer:
        return plan.catalog.peers[stack.variant].server
    study = plan.study
    several = len({*study.frameworks, *chain(*study.frameworks_of.values())}) > 1
    return f"{stack.framework}/{stack.server}" if several else stack.server


def closed_load(study: Study, workload: str) -> str | None:
    """The load from which a workload's figures come: its first closed one."""
    return study.macro.loads_for(workload)[0] if study.macro else None

"""Studies: a question, a selection of cases, and the comparisons."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from bench.model.base import Count, Declared, Seconds, Share
from bench.model.place import server_name

SettingMetric = Literal["cpu", "memory", "ready"]


class MicroPlan(Declared, frozen=True):
    """`processes` fresh processes for each variant, each with `values` timed values of `passes` passes over the set.

    A value has more passes where one pass holds fewer than `orders` orders, because very short values are imprecise.
    """

    processes: Count
    values: Count
    passes: Count = 1
    orders: Count = 1


class InstructionsPlan(Declared, frozen=True):
    """`runs` processes for each variant under callgrind, each counting `passes` passes over the first `documents`."""

    runs: Count
    documents: Count
    passes: Count = 2


class MacroPlan(Declared, frozen=True):
    """`runs` fresh servers for each stack and load. `loads_of` names other loads for a workload."""

    loads: tuple[str, ...]
    runs: Count
    loads_of: dict[str, tuple[str, ...]] = {}

    def loads_for(self, workload: str) -> tuple[str, ...]:
        """The names of the loads that drive `workload`."""
        return self.loads_of.get(workload, self.loads)


class OpenPlan(Declared, frozen=True):
    """`runs` fresh servers under each open load, for the best stack of each server program and for every peer.

    The rate 1.0 of a load is `share` of the stack's own capacity, which the closed load measured.
    """

    loads: tuple[str, ...]
    runs: Count
    share: Share


class LatencyPlan(Declared, frozen=True):
    """`runs` fresh servers under an open `load`, for the best stack of each server program and for every peer.

    The rates are `shares` of the stack's own capacity, and a common one: `rate`, or else the share `common` of the
    smallest capacity. With `all`, every stack of the study is driven; with `workloads`, only on these.
    """

    load: str
    runs: Count
    workloads: tuple[str, ...] = ()
    shares: tuple[Share, ...] = (0.3, 0.6, 0.9)
    common: Share = 0.5
    rate: float | None = None
    all: bool = False


class StartupPlan(Declared, frozen=True):
    """`spawns` fresh servers, timed from spawn to first right answer.

    Behind `server`, for each variant with the study's first framework; without it, for every stack.
    """

    spawns: Count
    server: str | None = None


class Against(Declared, frozen=True):
    """The side a target is compared with, always on one core. An absent field is as in the target."""

    variant: str | None = None
    stack: str | None = None
    workload: str | None = None


class Target(Declared, frozen=True, kw_only=True):
    """A limit, `at_most`, on a figure of a `variant` or a `stack` on each of `workloads`.

    The `metric` of a variant is one of: `time`, per byte of input, relative to the side it is compared `against`;
    `fallbacks`, the share of documents that it hands to the reference core; `ready`, seconds from the start of a
    process to its first answer; `build`, seconds of building. With `threads`, one thread for each core runs it at once.
    The `metric` of a stack is relative to the stack it is compared `against`: `cpu`, server CPU per request under the
    study's first closed load; `memory` under that load; or `ready`, spawn to first right answer, for any workload.
    Without `at_most` the figure is shown and has no limit.

    `declared` is the day the subject and the limit were set, `changed` the day of a later change. If either is later
    than the first kept session of the study, `after_session` says so with the day of that session.
    """

    title: str
    variant: str | None = None
    stack: str | None = None
    workloads: tuple[str, ...]
    metric: Literal["time", "fallbacks", "ready", "build", "cpu", "memory"] = "time"
    against: Against | None = None
    threads: bool = False
    at_most: float | None = None
    declared: date | None = None
    changed: date | None = None
    after_session: date | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a contradiction; the decoder adds the file and the line."""
        if (self.variant is None) == (self.stack is None):
            raise ValueError(f"target {self.title!r} needs either variant or stack")
        if self.stack and (self.metric not in {"cpu", "memory", "ready"} or not (self.against and self.against.stack)):
            raise ValueError(
                f"target {self.title!r}: the metric of a stack is cpu, memory or ready, against another stack"
            )
        if self.variant and (self.metric in {"cpu", "memory"} or (self.metric == "time") != bool(self.against)):
            raise ValueError(
                f"target {self.title!r}: the metric of a variant is fallbacks, ready or build, or time against a side"
            )
        if self.after_session and (self.settled is None or self.settled < self.after_session):
            raise ValueError(f"target {self.title!r}: after_session must not be later than changed or declared")

    @property
    def subject(self) -> str:
        """The variant or the stack, by name."""
        return self.variant or self.stack or ""

    @property
    def settled(self) -> date | None:
        """The day of its last change."""
        return self.changed or self.declared


class SuitePlan(Declared, frozen=True):
    """`processes` fresh processes for each framework, each testing the whole HTTP contract on it, without a server."""

    processes: Count


class LayersPlan(Declared, frozen=True):
    """`processes` fresh processes for each variant, framework and layering, each with `values` values of `requests`.

    The first of the layerings `named` is what the others are compared with.
    """

    named: Annotated[tuple[str, ...], Meta(min_length=1)]
    processes: Count
    values: Count
    requests: Count


class SelftestPlan(Declared, frozen=True):
    """`comparisons` A/A pairs of the baseline by each instrument, each of as many processes and runs as in a study.

    Then, only in micro, `known` comparisons with the baseline slowed by each of `slower` percent.
    """

    comparisons: Count
    known: Count
    slower: tuple[Count, ...]


class FactorsPlan(Declared, frozen=True):
    """The cores alone, at `levels` levels of each factor that may differ between two sessions."""

    levels: Annotated[int, Meta(ge=2)]


class RobustnessPlan(Declared, frozen=True):
    """`runs` fresh servers for each stack, under every attack of `bench.attacks`.

    A connection has `limit_seconds` to be answered or closed, that of a slow client `patience_seconds`. As they mostly
    wait, `at_once` stacks are attacked at the same time.
    """

    runs: Count
    limit_seconds: Seconds
    patience_seconds: Seconds
    at_once: Count = 1


class LimitedPlan(Declared, frozen=True, kw_only=True):
    """`runs` fresh servers for each stack, limit, number of workers and open load, at `rate` requests per second.

    They run within each of the limits `alone`, and within the first limit of each pair of `beside`, with the same stack
    busy on the same core within the second.
    """

    alone: Annotated[tuple[str, ...], Meta(min_length=1)]
    beside: tuple[tuple[str, str], ...] = ()
    loads: Annotated[tuple[str, ...], Meta(min_length=1)]
    rate: Annotated[float, Meta(gt=0)]
    workers: Annotated[tuple[Count, ...], Meta(min_length=1)]
    runs: Count


class SharedPlan(Declared, frozen=True, kw_only=True):
    """Two servers of each stack, both busy on one core within a pair of limits, for `windows` times a closed `load`."""

    pairs: Annotated[tuple[tuple[str, str], ...], Meta(min_length=1)]
    load: str
    windows: Count


class SizingPlan(Declared, frozen=True, kw_only=True):
    """What the runtimes of variants and peers see within each of the `limits`."""

    runtimes: Annotated[tuple[str, ...], Meta(min_length=1)]
    limits: Annotated[tuple[str, ...], Meta(min_length=1)]


class ReplacedPlan(Declared, frozen=True, kw_only=True):
    """Each server is replaced `times` times in each of the `ways` that are for it, on `runs` fresh ones.

    Meanwhile `clients` ask, each at most `pace` times a second: over kept connections where there are any, and over a
    new connection for each request. `servers_of` names the servers that a way is measured with, if not with all.
    """

    ways: Annotated[tuple[str, ...], Meta(min_length=1)]
    clients: Count
    pace: Annotated[float, Meta(gt=0)]
    times: Count
    runs: Count
    servers_of: dict[str, tuple[str, ...]] = {}


class DeliveredPlan(Declared, frozen=True, kw_only=True):
    """Each of the deliveries `named`, `runs` times, each time in an empty folder with empty caches."""

    named: Annotated[tuple[str, ...], Meta(min_length=1)]
    runs: Count


class SettingsPlan(Declared, frozen=True, kw_only=True):
    """Each server of the study runs as it is, with each of the `tunings`, and at each of the `places`.

    The `metric` of each is compared with that of the server as it is, and so are those in `also`.
    """

    tunings: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    metric: SettingMetric = "cpu"
    also: tuple[SettingMetric, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError without a setting; the decoder adds the file and the line."""
        if not (self.tunings or self.places):
            raise ValueError("settings: name at least one of tunings or places")


class Study(Declared, frozen=True, kw_only=True):
    """A question, a selection of cases, and the comparisons.

    With `interpreters`, each variant runs on each of them instead of its own. Each server runs with all `frameworks`,
    unless `frameworks_of` names those of a server, with or without a tuning. `only` is the variant or peer that the
    study was narrowed to. `words` are the arguments of `python -m bench` that measure it, if `run NAME` does not.
    `sessions` is how many sessions its page needs.
    """

    name: str
    title: str
    question: str
    baseline: str
    variants: tuple[str, ...]
    peers: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ("falcon",)
    servers: tuple[str, ...] = ()
    frameworks_of: dict[str, tuple[str, ...]] = {}
    workloads: Annotated[tuple[str, ...], Meta(min_length=1)]
    first_look: bool = False
    aa: bool = False
    instructions: InstructionsPlan | None = None
    micro: MicroPlan | None = None
    macro: MacroPlan | None = None
    open: OpenPlan | None = None
    latency: LatencyPlan | None = None
    startup: StartupPlan | None = None
    suite: SuitePlan | None = None
    layers: LayersPlan | None = None
    selftest: SelftestPlan | None = None
    factors: FactorsPlan | None = None
    robustness: RobustnessPlan | None = None
    limited: LimitedPlan | None = None
    shared: SharedPlan | None = None
    sizing: SizingPlan | None = None
    replaced: ReplacedPlan | None = None
    delivered: DeliveredPlan | None = None
    settings: SettingsPlan | None = None
    targets: tuple[Target, ...] = ()
    sizes: bool = False
    only: str | None = None
    words: str | None = None
    sessions: Count = 1

    def frameworks_on(self, server: str) -> tuple[str, ...]:
        """The names of the frameworks that run behind `server`."""
        named = server_name(server)
        declared = (self.frameworks_of.get(name) for name in (server, named.on_host, named.label))
        return next(filter(None, declared), self.frameworks)

    @property
    def command(self) -> str:
        """The command that measures it."""
        narrowed = f"run {self.name.removesuffix(f'-{self.only}')} --variant {self.only}"
        return f"python -m bench {self.words or (narrowed if self.only else f'run {self.name}')}"

    @property
    def loads(self) -> tuple[str, ...]:
        """The names of its loads, closed ones first."""
        closed = [name for workload in self.workloads for name in self.macro.loads_for(workload)] if self.macro else []
        later = (*(self.open.loads if self.open else ()), *((self.latency.load,) if self.latency else ()))
        within = (*((self.shared.load,) if self.shared else ()), *(self.limited.loads if self.limited else ()))
        return tuple(dict.fromkeys((*closed, *later, *within)))

    @property
    def limits(self) -> tuple[str, ...]:
        """The names of its limits."""
        pairs = (*(self.limited.beside if self.limited else ()), *(self.shared.pairs if self.shared else ()))
        alone = self.limited.alone if self.limited else ()
        seen = self.sizing.limits if self.sizing else ()
        return tuple(dict.fromkeys((*alone, *(name for pair in pairs for name in pair), *seen)))

    @property
    def ways(self) -> tuple[str, ...]:
        """The names of the ways in which its servers are replaced."""
        return self.replaced.ways if self.replaced else ()

"""Measurement plans: the tables of a study, each of which says what is measured in one way, and how often."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from bench.model.base import Count, Declared, Seconds, Share

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

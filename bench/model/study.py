"""A question, a selection of cases, and what is compared."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from bench.model.base import Count, Declared, Share


class MicroPlan(Declared, frozen=True):
    """`processes` fresh processes a variant, each `values` values of `passes` whole passes over the documents.

    A value takes more passes where those hold fewer than so many `orders`: a tenth of a millisecond tells little.
    """

    processes: Count
    values: Count
    passes: Count = 1
    orders: Count = 1


class InstructionsPlan(Declared, frozen=True):
    """`runs` processes a variant under callgrind, each `passes` counted passes over the first `documents`."""

    runs: Count
    documents: Count
    passes: Count = 2


class MacroPlan(Declared, frozen=True):
    """`runs` fresh servers a stack under each load; a workload that `loads_of` names takes those loads instead."""

    loads: tuple[str, ...]
    runs: Count
    loads_of: dict[str, tuple[str, ...]] = {}

    def loads_for(self, workload: str) -> tuple[str, ...]:
        """The loads that drive `workload`, by name."""
        return self.loads_of.get(workload, self.loads)


class OpenPlan(Declared, frozen=True):
    """`runs` fresh servers under each open load, for the best stack of each server program and for every peer.

    Each is driven at `share` of its own capacity, as the closed load found it.
    """

    loads: tuple[str, ...]
    runs: Count
    share: Share


class LatencyPlan(Declared, frozen=True):
    """`runs` fresh servers under an open `load` at each rate, for the best stack of each server program and every peer.

    The rates are `shares` of each one's own capacity, and one for all: `rate`, or else the share `common` of the least
    capacity. With `all`, every stack of the study is driven.
    """

    load: str
    runs: Count
    shares: tuple[Share, ...] = (0.3, 0.6, 0.9)
    common: Share = 0.5
    rate: float | None = None
    all: bool = False


class StartupPlan(Declared, frozen=True):
    """`spawns` fresh servers a variant, spawn to first right answer."""

    spawns: Count
    server: str


class Against(Declared, frozen=True):
    """What a target's case is held against, always on one core; what is not told is as in the target."""

    variant: str | None = None
    stack: str | None = None
    workload: str | None = None


class Target(Declared, frozen=True, kw_only=True):
    """How good something has to be: a figure of a `variant` or a `stack` on each of `workloads`, `at_most` so much.

    The `metric` of a variant is `time`, per byte of input and in units of that of what it is held `against`; or
    `fallbacks`, the share of the documents that the reference core had to judge; `ready`, seconds from the start of a
    process to its first answer; `build`, seconds of building. With `threads`, as many at once as there are cores.
    A stack's, in units of that of the stack that it is held `against`, is `cpu`, server CPU per request under the
    study's first closed load; `memory`, held under it; or `ready`, spawn to first right answer, whatever the workload.
    Without `at_most` the figure is shown, and nothing is demanded of it.

    `declared` is the day on which it got its subject and its limit, `changed` that of a later change. One that was
    declared or changed after a session of its study was kept says so: `after_session` is the day of the first one.
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
        """Raises ValueError, which the decoder tells with the file, for what cannot be held."""
        if (self.variant is None) == (self.stack is None):
            raise ValueError(f"target {self.title!r}: it is of a `variant` or of a `stack`")
        if self.stack and (self.metric not in {"cpu", "memory", "ready"} or not (self.against and self.against.stack)):
            raise ValueError(f"target {self.title!r}: a stack's cpu, memory or ready is held `against` another stack's")
        if self.variant and (self.metric in {"cpu", "memory"} or (self.metric == "time") != bool(self.against)):
            raise ValueError(
                f"target {self.title!r}: a variant's time is held `against` something, none of its other metrics is"
            )
        if self.after_session and (self.settled is None or self.settled < self.after_session):
            raise ValueError(f"target {self.title!r}: `after_session` is no later than `changed` or `declared`")

    @property
    def subject(self) -> str:
        """The variant or the stack, as written."""
        return self.variant or self.stack or ""

    @property
    def settled(self) -> date | None:
        """The day on which it became what it is."""
        return self.changed or self.declared


class SuitePlan(Declared, frozen=True):
    """`processes` fresh processes a framework, each with the whole HTTP contract against it, without a server."""

    processes: Count


class SelftestPlan(Declared, frozen=True):
    """`comparisons` of the baseline with itself by each instrument, each of as many processes and runs as those say.

    Then, in micro alone, `known` comparisons with the baseline made slower by each of `slower` percent.
    """

    comparisons: Count
    known: Count
    slower: tuple[Count, ...]


class FactorsPlan(Declared, frozen=True):
    """The cores alone, at so many `levels` of each thing that may differ between two sessions."""

    levels: Annotated[int, Meta(ge=2)]


class Study(Declared, frozen=True, kw_only=True):
    """A question, a selection of cases, and what is compared.

    With `interpreters`, each variant runs on each of them, whatever its own file names. `only` is the variant or peer
    that it was narrowed to. `words` measure it where it is no file's: what stands after `python -m bench`.
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
    selftest: SelftestPlan | None = None
    factors: FactorsPlan | None = None
    targets: tuple[Target, ...] = ()
    sizes: bool = False
    only: str | None = None
    words: str | None = None

    @property
    def loads(self) -> tuple[str, ...]:
        """The loads by name, the closed ones first."""
        closed = [name for workload in self.workloads for name in self.macro.loads_for(workload)] if self.macro else []
        later = (*(self.open.loads if self.open else ()), *((self.latency.load,) if self.latency else ()))
        return tuple(dict.fromkeys((*closed, *later)))

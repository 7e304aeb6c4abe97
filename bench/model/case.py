"""Cases: one measurement each, with a type for each instrument."""

from __future__ import annotations

from bench.model.any_case import AnyCase
from bench.model.stack import Stack


class MicroCase(AnyCase, frozen=True, kw_only=True, tag="micro"):
    """The core alone in a fresh process: `values` timed values after `warmups`, each of `loops` passes over the set.

    `threads` run the core at once. `slower` percent of the documents are processed twice; None where nothing is slowed
    on purpose.
    """

    variant: str
    workload: str
    values: int = 1
    loops: int = 1
    warmups: int = 1
    threads: int = 1
    slower: int | None = None
    aa: bool = False
    path: str | None = None


class FactorsCase(AnyCase, frozen=True, kw_only=True, tag="factors"):
    """The core alone, as in `MicroCase`, at a `level` of a `factor` (`bench.catalog.factors`)."""

    variant: str
    workload: str
    values: int = 1
    loops: int = 1
    warmups: int = 1
    factor: str
    level: int


class InstructionsCase(AnyCase, frozen=True, kw_only=True, tag="instructions"):
    """The core alone under an instruction counter: `passes` counted passes over the first `documents` documents."""

    variant: str
    workload: str
    documents: int
    passes: int


class SizeCase(AnyCase, frozen=True, kw_only=True, tag="size"):
    """The artifact size of a stack."""

    stack: Stack


class StartupCase(AnyCase, frozen=True, kw_only=True, tag="startup"):
    """The start-up of a stack, from spawn to its first answer to the workload."""

    stack: Stack
    workload: str


class MacroCase(AnyCase, frozen=True, kw_only=True, tag="macro"):
    """A stack under a load. An open load is driven at `rate`, then at `shares` of the same server's capacity."""

    stack: Stack
    workload: str
    load: str
    rate: float | None = None
    shares: tuple[float, ...] = ()
    aa: bool = False


class NullCase(AnyCase, frozen=True, kw_only=True, tag="null"):
    """The null server under a load, on the interpreter of a variant."""

    variant: str
    workload: str
    load: str


class SuiteCase(AnyCase, frozen=True, kw_only=True, tag="suite"):
    """The tests of the HTTP contract on a framework, without a server."""

    variant: str
    framework: str
    aa: bool = False

    @property
    def subject(self) -> str:
        """The framework."""
        return self.framework


class LayersCase(AnyCase, frozen=True, kw_only=True, tag="layers"):
    """A request within a process, timed as the core alone in `MicroCase`: through a `layering` and a `framework`."""

    variant: str
    framework: str
    layering: str
    workload: str
    values: int = 1
    loops: int = 1
    warmups: int = 1
    aa: bool = False

    @property
    def subject(self) -> str:
        """The variant, the framework and the layering."""
        return f"{self.variant}/{self.framework}, {self.layering}"


class RobustnessCase(AnyCase, frozen=True, kw_only=True, tag="robustness"):
    """A stack under every attack: a connection has `limit_seconds` to end, that of a slow client `patience_seconds`."""

    stack: Stack
    limit_seconds: float
    patience_seconds: float
    at_once: int = 1


class LimitedCase(AnyCase, frozen=True, kw_only=True, tag="limited"):
    """A stack within a `limit`, with as many `workers`, under a load; it may use every core.

    With `beside`, the same stack runs once more on the same core, within that limit and busy all the time. A closed
    load then lasts for `windows` times its seconds, and the shares of both are measured in each.
    """

    stack: Stack
    workload: str
    load: str
    rate: float | None = None
    limit: str
    workers: int = 1
    beside: str | None = None
    windows: int = 1

    @property
    def label(self) -> str:
        """The case in words."""
        beside = f" beside {self.beside}" if self.beside else ""
        return f"{super().label}, {self.workers} workers, {self.limit}{beside}"


class SizingCase(AnyCase, frozen=True, kw_only=True, tag="sizing"):
    """What the runtime of a variant or peer sees of a `limit`, and how many threads and processes it starts."""

    variant: str
    limit: str

    @property
    def subject(self) -> str:
        """The variant or peer, and the limit."""
        return f"{self.variant}, {self.limit}"


class ReplacedCase(AnyCase, frozen=True, kw_only=True, tag="replaced"):
    """A stack that is replaced `times` times in one `way`, while `clients` ask it, each at most `pace` times a second.

    They ask over `kept` connections, or each request over a new one.
    """

    stack: Stack
    workload: str
    way: str
    kept: bool
    clients: int
    pace: float
    times: int

    @property
    def label(self) -> str:
        """The case in words."""
        return f"{super().label}, {self.way}, {'kept' if self.kept else 'new'} connections"


class DeliveredCase(AnyCase, frozen=True, kw_only=True, tag="delivered"):
    """A variant or peer that is delivered in one way: from empty caches, then after a change of one line.

    A delivery with a `dependency` is also measured after a change of that.
    """

    variant: str
    delivery: str

    @property
    def subject(self) -> str:
        """The delivery."""
        return self.delivery


TimedCase = MicroCase | FactorsCase | LayersCase  # in fresh processes, by pyperf
Case = (
    MicroCase
    | FactorsCase
    | InstructionsCase
    | SizeCase
    | StartupCase
    | MacroCase
    | NullCase
    | SuiteCase
    | LayersCase
    | RobustnessCase
    | LimitedCase
    | SizingCase
    | ReplacedCase
    | DeliveredCase
)

"""Cases: one measurement each, with a type for each instrument."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from bench.model.base import Recorded
from bench.model.place import server_name

Instrument = Literal[
    "micro", "macro", "startup", "size", "instructions", "null", "suite", "factors", "layers", "robustness", "limited",
    "sizing", "replaced", "delivered",
]  # fmt: skip


class Stack(Recorded, frozen=True):
    """variant × framework × server (with its worker class), written `variant/framework/server`.

    The server may have a tuning and a place: `label+tuning@place`.

    A peer is all three at once: its name is in `variant`, and the rest is empty.
    """

    variant: str
    framework: str = ""
    server: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.variant, self.framework, self.server)))

    @property
    def is_peer(self) -> bool:
        """Whether the stack is a peer."""
        return not self.server

    @property
    def label(self) -> str:
        """The server's label, without a tuning and a place."""
        return server_name(self.server).label

    @property
    def place(self) -> str:
        """The name of the place where the stack runs; empty on the host."""
        return server_name(self.server).place

    @property
    def on_host(self) -> Stack:
        """The same stack on the host."""
        return msgspec.structs.replace(self, server=server_name(self.server).on_host)


class AnyCase(Recorded, frozen=True, kw_only=True, tag_field="instrument"):
    """The common part of all cases: a variant or peer, and in `inputs` a hash of each input that could change a figure.

    Inputs are source, interpreter, server, documents, load and harness; a change of one changes `identity`.
    A property that a type of case lacks is None, 0 or empty.
    """

    inputs: dict[str, str] = {}

    @property
    def instrument(self) -> Instrument:
        """The instrument that measures the case."""
        name: Instrument = self.__struct_config__.tag  # type: ignore[assignment]  # each class below names one
        return name

    @property
    def variant(self) -> str:
        """The variant or peer."""
        if self.stack is None:
            raise NotImplementedError
        return self.stack.variant

    @property
    def subject(self) -> str:
        """The name of the stack, the variant or the framework that is measured."""
        return str(self.stack or self.variant)

    @property
    def identity(self) -> str:
        """16 hex digits: two cases have the same only if they are equal."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]

    @property
    def stack(self) -> Stack | None:
        """The stack, if one is measured."""
        return None

    @property
    def workload(self) -> str | None:
        """The workload, if the case has one."""
        return None

    @property
    def load(self) -> str | None:
        """The load, if the case has one."""
        return None

    @property
    def rate(self) -> float | None:
        """The rate of an open load, in requests/s."""
        return None

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of the server's own capacity; the load is driven at each of them after `rate`."""
        return ()

    @property
    def aa(self) -> bool:
        """Whether the case is the second half of an A/A pair."""
        return False

    @property
    def path(self) -> str | None:
        """The code path that the core is forced to take; None where it chooses."""
        return None

    @property
    def threads(self) -> int:
        """The number of threads that run the core at once."""
        return 1

    @property
    def slower(self) -> int | None:
        """The percentage by which the core is slowed on purpose; None outside of a self-test."""
        return None

    @property
    def at_once(self) -> int:
        """How many cases of its phase run at the same time: several only where a case mostly waits."""
        return 1

    @property
    def is_usual(self) -> bool:
        """Whether the subject runs as usual: no forced path, one thread, not slowed."""
        return self.path is None and self.threads == 1 and self.slower is None

    @property
    def is_plain(self) -> bool:
        """Whether the subject runs as usual and the case is not the second half of an A/A pair."""
        return self.is_usual and not self.aa

    @property
    def is_open(self) -> bool:
        """Whether the load is open; its rate comes from the session's closed loads."""
        return self.rate is not None

    @property
    def levels(self) -> tuple[str, ...]:
        """The names of the rates, such as `common` and `own 30` (percent of its own capacity); empty without shares."""
        return ("common", *(f"own {round(100 * share)}" for share in self.shares)) if self.shares else ()

    @property
    def label(self) -> str:
        """The case in words, for progress lines and messages."""
        own = [self.subject] if self.subject.startswith(self.variant) else [self.variant, self.subject]
        parts = [self.instrument, *own, self.workload, self.load, "A/A" if self.aa else None]
        parts.append(f"on path {self.path}" if self.path else None)
        return " ".join(part for part in parts if part)


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


def stack_of(case: AnyCase) -> Stack:
    """The stack of a case. Raises ValueError if its instrument measures none."""
    if case.stack is None:
        raise ValueError(f"{case.label} has no stack")
    return case.stack

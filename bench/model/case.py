"""One point of the matrix, a type for each instrument: what is measured, and how."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from bench.model.base import Recorded

Instrument = Literal["micro", "macro", "startup", "size", "instructions", "null", "suite", "factors"]


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


class AnyCase(Recorded, frozen=True, kw_only=True, tag_field="instrument"):
    """What all cases have: a variant or peer, and in `inputs` a hash of each thing that could change the figure.

    These are source, interpreter, server, documents, load and harness; so `identity` changes when one of them does.
    What only some cases have is absent in the others.
    """

    inputs: dict[str, str] = {}

    @property
    def instrument(self) -> Instrument:
        """What measures it."""
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
        """What it is of, in words: a stack, a variant alone, or a framework."""
        return str(self.stack or self.variant)

    @property
    def identity(self) -> str:
        """16 hex digits, equal for equal cases only."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]

    @property
    def stack(self) -> Stack | None:
        """The stack, where one is measured."""
        return None

    @property
    def workload(self) -> str | None:
        """What is asked, where that makes a difference."""
        return None

    @property
    def load(self) -> str | None:
        """How requests come, where any do."""
        return None

    @property
    def rate(self) -> float | None:
        """Requests a second, where the load is open."""
        return None

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of the server's own capacity at which the load is driven, too."""
        return ()

    @property
    def aa(self) -> bool:
        """Whether it is the second half of an A/A pair."""
        return False

    @property
    def path(self) -> str | None:
        """What the core is forced to, where it would choose another one by itself."""
        return None

    @property
    def threads(self) -> int:
        """How many do it at once."""
        return 1

    @property
    def slower(self) -> int | None:
        """By how many percent it is made slower; None where that is not the question."""
        return None

    @property
    def is_usual(self) -> bool:
        """Whether the subject is as it is: no forced path, one thread, not slowed."""
        return self.path is None and self.threads == 1 and self.slower is None

    @property
    def is_plain(self) -> bool:
        """Whether the subject is as it is, and this no half of a pair."""
        return self.is_usual and not self.aa

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
        own = [self.variant, self.subject] if self.subject != self.variant and self.stack is None else [self.subject]
        parts = [self.instrument, *own, self.workload, self.load, "A/A twin" if self.aa else None]
        parts.append(f"on path {self.path}" if self.path else None)
        return " ".join(part for part in parts if part)


class MicroCase(AnyCase, frozen=True, kw_only=True, tag="micro"):
    """The core alone in a fresh process: so many `values` after `warmups`, each of `loops` passes over the documents.

    With `threads`, so many do that at once; `slower` percent of the documents are done twice, None where nothing is
    slowed on purpose.
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
    """The same at a `level` of a `factor` (`bench.catalog.factors`)."""

    variant: str
    workload: str
    values: int = 1
    loops: int = 1
    warmups: int = 1
    factor: str
    level: int

    @property
    def usual(self) -> MicroCase:
        """The case without the factor."""
        return MicroCase(
            variant=self.variant,
            workload=self.workload,
            values=self.values,
            loops=self.loops,
            warmups=self.warmups,
            inputs=self.inputs,
        )


class InstructionsCase(AnyCase, frozen=True, kw_only=True, tag="instructions"):
    """The core alone under a counter of instructions: so many counted `passes` over the first `documents`."""

    variant: str
    workload: str
    documents: int
    passes: int


class SizeCase(AnyCase, frozen=True, kw_only=True, tag="size"):
    """The artifacts of a stack."""

    stack: Stack


class StartupCase(AnyCase, frozen=True, kw_only=True, tag="startup"):
    """A spawn of a stack, to its first answer to the workload."""

    stack: Stack
    workload: str


class MacroCase(AnyCase, frozen=True, kw_only=True, tag="macro"):
    """A stack under a load; an open one is driven at a `rate`, then at `shares` of what the same server can answer."""

    stack: Stack
    workload: str
    load: str
    rate: float | None = None
    shares: tuple[float, ...] = ()
    aa: bool = False


class NullCase(AnyCase, frozen=True, kw_only=True, tag="null"):
    """The null server under a load, on the interpreter of its variant."""

    variant: str
    workload: str
    load: str


class SuiteCase(AnyCase, frozen=True, kw_only=True, tag="suite"):
    """The HTTP contract as tests of a framework that nothing serves."""

    variant: str
    framework: str
    aa: bool = False

    @property
    def subject(self) -> str:
        """The framework."""
        return self.framework


Case = MicroCase | FactorsCase | InstructionsCase | SizeCase | StartupCase | MacroCase | NullCase | SuiteCase


def stack_of(case: AnyCase) -> Stack:
    """The stack of a case whose instrument measures one."""
    if case.stack is None:
        raise ValueError(f"{case.label}: it has no stack")
    return case.stack

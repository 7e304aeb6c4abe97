"""The common part of all cases: the instrument, the identity, and what a type of case may have."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from bench.model.base import Recorded
from bench.model.stack import Stack

Instrument = Literal[
    "micro", "macro", "startup", "size", "instructions", "null", "suite", "factors", "layers", "robustness", "limited",
    "sizing", "replaced", "delivered",
]  # fmt: skip


class AnyCase(Recorded, frozen=True, kw_only=True, tag_field="instrument"):
    """The common part of all cases: a variant or peer, and in `inputs` a hash of each input that could change a figure.

    Inputs are source, interpreter, server, documents, load and harness; a change of one changes `identity`.
    A property that a type of case lacks is None, 0 or empty.
    """

    inputs: dict[str, str] = {}

    @property
    def instrument(self) -> Instrument:
        """The instrument that measures the case."""
        name: Instrument = self.__struct_config__.tag  # type: ignore[assignment]  # each type of case names one
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


def stack_of(case: AnyCase) -> Stack:
    """The stack of a case. Raises ValueError if its instrument measures none."""
    if case.stack is None:
        raise ValueError(f"{case.label} has no stack")
    return case.stack

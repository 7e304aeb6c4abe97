"""Targets: limits on the figures of a study, and the sides that these are compared with."""

from __future__ import annotations

from datetime import date
from typing import Literal

from bench.model.base import Declared


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

"""A study's stacks with the outcomes of all attacks on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis import robustness
from bench.analysis.robustness import KINDS, Judged
from bench.catalog import pairing
from bench.model import Catalog, Run, Server, Session, Stack

PROXIED, ALONE, LIMITED = "behind nginx", "alone", "alone, with limits"


class Attacked(msgspec.Struct, frozen=True, kw_only=True):
    """A stack under all attacks, with its memory in bytes before and after. A stack without outcomes has a `reason`.

    `place` is `alone`, `behind nginx` or `alone, with limits`. `program` is the server without its worker class. One
    that `is_closing` ends each connection after one answer. Of the trials `repeated`, `changed` had another outcome.
    """

    stack: Stack
    name: str
    program: str
    place: str
    is_closing: bool = False
    rows: tuple[Judged, ...] = ()
    idle: float | None = None
    after: float | None = None
    restarts: int = 0
    repeated: int = 0
    changed: int = 0
    reason: str | None = None

    @property
    def faults(self) -> int:
        """How many attacks it does not stand."""
        return robustness.faults(self.rows)

    @property
    def spoils(self) -> int:
        """How many attacks keep it from answering a good request right, whatever else it does."""
        return sum(row.next_wrong is not None for row in self.rows)

    @property
    def severity(self) -> tuple[int, ...]:
        """How many attacks it fails by each kind of fault, the worst kind first."""
        return robustness.severity(self.rows)

    @property
    def renewed(self) -> bool:
        """Whether the server whose memory was read is not the one that was attacked first, or has a new worker."""
        return self.restarts > 0 or bool(robustness.quick_deaths(self.rows))


def attacked(session: Session, runs: Iterable[Run]) -> tuple[Attacked, ...]:
    """Each stack in the study's order; none without attacks. Of several runs, the worst outcome counts."""
    phase = session.plan.phase("robustness")
    if phase is None:
        return ()
    own: dict[Stack, list[Run]] = {case.stack: [] for case in phase.cases if case.stack}
    for run in runs:
        if run.case.instrument == "robustness" and run.case.stack in own:
            own[run.case.stack].append(run)
    return tuple(_attacked(session.plan.catalog, stack, found) for stack, found in own.items())


def _attacked(catalog: Catalog, stack: Stack, runs: Sequence[Run]) -> Attacked:
    server = pairing.server_file(catalog, stack)
    named = Attacked(
        stack=stack,
        name=stack.server,
        program=server.server,
        place=_place(server),
        is_closing=not server.keep_alive,
    )
    whole = [run for run in runs if run.verdict == "pass"]
    if not whole or len(whole) < len(runs):
        reason = next((run.told for run in runs if run.verdict != "pass"), None)
        return msgspec.structs.replace(named, reason=reason or "not measured")
    first = [robustness.first(run) for run in whole]
    return msgspec.structs.replace(
        named,
        repeated=sum(len(each) for each in first),
        changed=sum(row.fault != again.fault for each in first for row, again in each),
        rows=tuple(min(each, key=_order) for each in zip(*map(robustness.judged, whole), strict=True)),
        idle=max(value for run in whole for value in run.values("memory.idle")),
        after=max(value for run in whole for value in run.values("memory.after")),
        restarts=int(sum(value for run in whole for value in run.values("restarts"))),
    )


def _place(server: Server) -> str:
    if server.proxy:
        return PROXIED
    return LIMITED if "+" in server.label else ALONE


def _order(row: Judged) -> tuple[int, bool]:
    return KINDS.index(row.fault) if row.fault else len(KINDS), row.next_wrong is None

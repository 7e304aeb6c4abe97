"""What clients lost while a stack was replaced, for each way and both kinds of connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

import msgspec

from bench.analysis.comparison import whole
from bench.model import ReplacedCase, Run, Session, Stack

LOST = "lost."  # begins the names of the metrics that count losses


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """A bad version: whether right answers go on beside it, requests lost until it is rolled back, and that time.

    `back`: seconds from then until another version answers alone.
    """

    goes_on: bool
    asked: int
    lost: int
    back: float


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """A stack that was replaced in one way, over `kept` connections or a new one for each request, in all its runs.

    `asked` counts the requests, `lost` those without a right answer, by kind. `longest`: seconds of the longest wait.
    `switched`: median seconds until only the new version answers. `memory`: bytes before the first and after the last
    replacement. `cpu`: CPU seconds of a request. `broken`: what became of a version that does not start, and
    `wrong` of one that answers wrong, over new connections. `reason`: why there are no figures.
    """

    stack: Stack
    way: str
    kept: bool
    asked: int = 0
    lost: dict[str, int] = {}
    longest: float | None = None
    switched: float | None = None
    memory: tuple[float, float] | None = None
    cpu: float | None = None
    broken: Bad | None = None
    wrong: Bad | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The server of the stack, or the peer."""
        return self.stack.server or self.stack.variant

    @property
    def losses(self) -> int:
        """All requests without a right answer."""
        return sum(self.lost.values())


def replaced(session: Session, runs: Iterable[Run]) -> tuple[Replaced, ...]:
    """The results of a session, in the study's order; none for a study without replacements."""
    own: dict[str, list[Run]] = {}
    for run in runs:
        if isinstance(run.case, ReplacedCase):
            own.setdefault(run.case.identity, []).append(run)
    cases = [case for case in session.plan.cases if isinstance(case, ReplacedCase)]
    return tuple(_row(case, own.get(case.identity, [])) for case in cases)


def _row(case: ReplacedCase, runs: Sequence[Run]) -> Replaced:
    row = Replaced(stack=case.stack, way=case.way, kept=case.kept)
    if not whole(runs):
        return msgspec.structs.replace(row, reason=next((run.told for run in runs if run.told), "not measured"))
    kinds = [each.metric.removeprefix(LOST) for each in runs[0].measurements if each.metric.startswith(LOST)]
    return msgspec.structs.replace(
        row,
        asked=round(sum(_values(runs, "asked"))),
        lost={kind: round(sum(_values(runs, f"{LOST}{kind}"))) for kind in kinds},
        longest=max(_values(runs, "longest")),
        switched=median(_values(runs, "switched")),
        memory=(fmean(_values(runs, "memory.before")), fmean(_values(runs, "memory.after"))),
        cpu=fmean(_values(runs, "cpu")),
        broken=_bad(runs, "broken"),
        wrong=_bad(runs, "wrong"),
    )


def _values(runs: Iterable[Run], metric: str) -> list[float]:
    return [value for run in runs for value in run.values(metric)]


def _bad(runs: Sequence[Run], kind: str) -> Bad | None:
    back = _values(runs, f"{kind}.back")
    if not back:
        return None
    return Bad(
        goes_on=min(_values(runs, f"{kind}.rate")) > 0,
        asked=round(sum(_values(runs, f"{kind}.asked"))),
        lost=round(sum(_values(runs, f"{kind}.lost"))),
        back=max(back),
    )

"""What became of a stack within limits on its CPU time, of two busy ones on a core, and of what runtimes see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

import msgspec

from bench.analysis.comparison import Comparison, as_a_family, compared, paired, whole
from bench.model import LimitedCase, Run, Session, SizingCase

# instruments whose runs say nothing of a stack that has its core for itself
APART = {"limited", "sizing", "replaced", "delivered"}
SLOWEST = "latency.p99"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An open load within a limit: latencies in seconds, the share of throttled periods, and CPU seconds a request.

    `p99s` are those of its servers. `slower` is its 99th percentile ÷ that within no limit, with as many workers.
    `reason`: why there are no figures.
    """

    limit: str
    beside: str | None
    workers: int
    load: str
    p50: float | None = None
    p99: float | None = None
    p99s: tuple[float, ...] = ()
    throttled: float | None = None
    cpu: float | None = None
    slower: Comparison = Comparison()
    reason: str | None = None


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """Two busy servers on a core: the share of the first, `expected` by their shares, and as measured in each window.

    `used` is the part of the core that both used. `rates`: right answers per second of both.
    """

    limit: str
    beside: str
    expected: float
    windows: tuple[float, ...] = ()
    used: float | None = None
    rates: tuple[float, float] | None = None
    reason: str | None = None

    @property
    def share(self) -> float | None:
        """The mean share over the windows."""
        return fmean(self.windows) if self.windows else None

    @property
    def points(self) -> float | None:
        """How far the mean is from what is expected, in percentage points."""
        return None if self.share is None else 100 * (self.share - self.expected)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a runtime printed within a limit; nothing if it failed for the `reason`."""

    runtime: str
    limit: str
    facts: dict[str, int | str] = {}
    reason: str | None = None


class Limited(msgspec.Struct, frozen=True, kw_only=True):
    """All of a study, in its order."""

    answered: tuple[Answered, ...] = ()
    shared: tuple[Shared, ...] = ()
    seen: tuple[Seen, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.answered or self.shared or self.seen)


def limited(session: Session, runs: Iterable[Run]) -> Limited:
    """The results of a session; none for a study without limits. The ratios are one family."""
    own: dict[str, list[Run]] = {}
    for run in runs:
        if run.case.instrument in APART:
            own.setdefault(run.case.identity, []).append(run)
    cases = [(case, own.get(case.identity, [])) for case in session.plan.cases]
    within = [(case, found) for case, found in cases if isinstance(case, LimitedCase)]
    opened = [(case, found) for case, found in within if case.is_open]
    answered = [_answered(session, case, found, opened) for case, found in opened]
    held = as_a_family([row.slower for row in answered])
    shared = [_shared(session, case, found) for case, found in within if not case.is_open and case.beside]
    return Limited(
        answered=tuple(msgspec.structs.replace(row, slower=each) for row, each in zip(answered, held, strict=True)),
        shared=tuple(shared),
        seen=tuple(_seen(case, found) for case, found in cases if isinstance(case, SizingCase)),
    )


def _answered(
    session: Session, case: LimitedCase, runs: Sequence[Run], others: Sequence[tuple[LimitedCase, list[Run]]]
) -> Answered:
    plan = session.plan.study.limited
    row = Answered(limit=case.limit, beside=case.beside, workers=case.workers, load=case.load)
    if not whole(runs):
        return msgspec.structs.replace(row, reason=_reason(runs))
    first = plan.alone[0] if plan else None
    free = [
        found
        for other, found in others
        if (other.limit, other.beside, other.workers, other.load) == (first, None, case.workers, case.load)
    ]
    ratio = paired(runs, whole(free[0]), SLOWEST) if free and case.limit != first else None
    periods = sum(_values(runs, "periods"))
    return msgspec.structs.replace(
        row,
        p50=_mean(runs, "latency.p50"),
        p99=_mean(runs, SLOWEST),
        p99s=tuple(_values(runs, SLOWEST)),
        throttled=sum(_values(runs, "throttled")) / periods if periods else None,
        cpu=_mean(runs, "cpu"),
        slower=compared(ratio) if ratio else Comparison(reason="no limit has no figure"),
    )


def _shared(session: Session, case: LimitedCase, runs: Sequence[Run]) -> Shared:
    own, beside = (session.plan.catalog.limits[name].shares for name in (case.limit, case.beside or ""))
    row = Shared(limit=case.limit, beside=case.beside or "", expected=own / (own + beside))
    if not whole(runs):
        return msgspec.structs.replace(row, reason=_reason(runs))
    return msgspec.structs.replace(
        row,
        windows=tuple(_values(runs, "share")),
        used=_mean(runs, "used"),
        rates=(fmean(_values(runs, "rate")), fmean(_values(runs, "beside.rate"))),
    )


def _seen(case: SizingCase, runs: Sequence[Run]) -> Seen:
    row = Seen(runtime=case.variant, limit=case.limit)
    if not whole(runs):
        return msgspec.structs.replace(row, reason=_reason(runs))
    return msgspec.structs.replace(row, facts=runs[-1].facts)


def _values(runs: Iterable[Run], metric: str) -> list[float]:
    return [value for run in runs for value in run.values(metric)]


def _mean(runs: Iterable[Run], metric: str) -> float | None:
    """The mean over the runs; None if too few requests support the percentile."""
    values = _values(runs, metric)
    return fmean(values) if values else None


def _reason(runs: Sequence[Run]) -> str:
    return next((run.told for run in runs if run.told), "not measured")

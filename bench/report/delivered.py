"""What became of the deliveries of a study, from a push to the first right answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

import msgspec

from bench.analysis.comparison import Comparison, as_a_family, compared, paired, whole
from bench.analysis.stats import Ratio, blocked_ratio
from bench.measure.instruments.delivered import COLD, DEPENDENCY, LINE, STEPS
from bench.model import DeliveredCase, Peer, Run, Session

CHANGES = (LINE, COLD, DEPENDENCY)
TOTAL = "total"


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery after one kind of change: seconds of the `steps`, and of the whole with their interval.

    `cpu` are the CPU seconds of the whole, `shipped` the bytes that the host did not have, `running` the seconds of the
    tests alone. `slower` is by step the time ÷ that of the study's first delivery, and for `total` that of the whole.
    `reason`: why there are no figures.
    """

    delivery: str
    title: str
    language: str
    change: str
    steps: dict[str, float] = {}
    total: Ratio | None = None
    cpu: Ratio | None = None
    shipped: float | None = None
    tests: int | None = None
    running: float | None = None
    slower: dict[str, Comparison] = {}
    reason: str | None = None


def delivered(session: Session, runs: Iterable[Run]) -> tuple[Delivered, ...]:
    """Each delivery of a study after each kind of change, in the study's order; none without deliveries.

    All comparisons with the first delivery are one family.
    """
    own: dict[str, list[Run]] = {}
    for run in runs:
        if isinstance(run.case, DeliveredCase):
            own.setdefault(run.case.identity, []).append(run)
    cases = [(case, own.get(case.identity, [])) for case in session.plan.cases if isinstance(case, DeliveredCase)]
    rows = [
        _row(session, case, found, cases[0][1], change)
        for change in CHANGES
        for case, found in cases
        if change != DEPENDENCY or session.plan.catalog.deliveries[case.delivery].dependency
    ]
    known = [(at, step) for at, row in enumerate(rows) for step in row.slower]
    held = as_a_family([rows[at].slower[step] for at, step in known])
    judged = dict(zip(known, held, strict=True))
    return tuple(
        msgspec.structs.replace(row, slower={step: judged[at, step] for step in row.slower})
        for at, row in enumerate(rows)
    )


def _row(session: Session, case: DeliveredCase, runs: Sequence[Run], first: Sequence[Run], change: str) -> Delivered:
    catalog = session.plan.catalog
    subject = catalog.subject(case.variant)
    row = Delivered(
        delivery=case.delivery,
        title=catalog.deliveries[case.delivery].title,
        language=subject.language if isinstance(subject, Peer) else "Python",
        change=change,
    )
    if not whole(runs):
        reason = next((run.told for run in runs if run.told), "not measured")
        return msgspec.structs.replace(row, reason=reason)
    against = [] if runs is first else whole(first)
    ratios = {step: paired(runs, against, f"{change}.{step}") for step in (*STEPS, TOTAL)}
    return msgspec.structs.replace(
        row,
        steps={step: _mean(runs, f"{change}.{step}") for step in STEPS},
        total=_between(runs, f"{change}.{TOTAL}"),
        cpu=_between(runs, f"{change}.{TOTAL}.cpu"),
        shipped=_mean(runs, f"{change}.shipped"),
        tests=round(_mean(runs, f"{change}.tests")),
        running=_mean(runs, f"{change}.tests.run"),
        slower={step: compared(ratio) for step, ratio in ratios.items() if ratio},
    )


def _mean(runs: Iterable[Run], metric: str) -> float:
    return fmean(value for run in runs for value in run.values(metric))


def _between(runs: Iterable[Run], metric: str) -> Ratio:
    """The mean over the runs with its interval, as the ratio to one second each."""
    return blocked_ratio([(run.values(metric), (1.0,)) for run in runs])

"""The results of a study's targets: a figure with its interval, and whether the target is met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.analysis.comparison import Comparison, as_a_family, compared, paired, whole
from bench.analysis.selftest import Selftest
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio, between
from bench.analysis.text import interval, seconds, share, times
from bench.model import Instrument, Run, Session, Study, Target
from bench.report.evidence import Evidence
from bench.report.wording import judged

Outcome = Literal["met", "missed", "undecided"]
OUTCOMES = ("met", "missed", "undecided", "not measured")
METRICS = {"memory": "memory.loaded"}  # metrics of targets with another name in the runs


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a target on one workload.

    For a target `against` something, `value` is the ratio of the `comparison`. Otherwise it is in the unit of the
    target's metric, the worst of all processes. `multiple` is the speed-up relative to the study's baseline, which for
    a stack is behind the same server. The outcome is `undecided` where the interval contains the limit, or without an
    interval. It is None for a target without a limit. `below` is the seconds of server CPU per request of the stack
    that another is compared with.
    """

    target: Target
    workload: str
    value: float | None = None
    comparison: Comparison | None = None
    outcome: Outcome | None = None
    multiple: Ratio | None = None
    below: float | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """The figure with its interval. A ratio without a limit that is not significant is equal or undecided."""
        if self.value is None:
            return "—"
        if self.comparison is None or self.comparison.ratio is None:
            is_share = self.target.metric == "fallbacks"
            return (share(self.value) if self.value else "none") if is_share else seconds(self.value)
        if self.target.at_most is None:
            return judged(self.comparison)
        ratio = self.comparison.ratio
        return times(ratio) if ratio.low is None else f"{times(ratio)} ({interval(ratio)})"

    @property
    def remark(self) -> str:
        """A note if data of the study existed before the target, with both days; otherwise empty."""
        target = self.target
        if target.after_session is None:
            return ""
        verb = "changed" if target.changed else "declared"
        return f"{verb} {target.settled}, after the study's first session of {target.after_session}"

    @property
    def fold(self) -> str:
        """The speed-up relative to the baseline, as text."""
        return judged(compared(self.multiple, self.comparison.floor)) if self.multiple and self.comparison else ""

    @property
    def limit(self) -> str:
        """The limit, as text; empty without one."""
        limit = self.target.at_most
        if limit is None:
            return ""
        if self.target.against is None:
            return f"≤ {share(limit)}" if self.target.metric == "fallbacks" else f"≤ {limit:g} s"
        return f"≤ {limit:g}×"


class Wanted(msgspec.Struct, frozen=True):
    """The case that a target needs: a variant or stack as written, and whether several threads did the work."""

    instrument: Instrument
    subject: str
    workload: str | None
    threads: bool = False


class RunsByCase:
    """The runs for targets: those of cores alone, of starts, and under the study's first closed load."""

    def __init__(self, study: Study, session: Session, runs: Sequence[Run], selftest: Selftest | None) -> None:
        self._runs: dict[Wanted, list[Run]] = defaultdict(list)
        self._session = session
        workloads = dict.fromkeys(name for target in study.targets for name in target.workloads)
        self._evidence = {name: Evidence(session, runs, name, selftest) for name in workloads}
        for run in runs:
            case = run.case
            closed = study.macro.loads_for(case.workload)[0] if study.macro and case.workload else None
            if not (case.aa or case.path) and case.load in {None, closed}:
                where = None if case.instrument == "startup" else case.workload  # a start is the same for all
                self._runs[Wanted(case.instrument, case.subject, where, case.threads > 1)].append(run)

    def of(self, wanted: Wanted) -> Sequence[Run]:
        """The runs of a case; none if one of them failed."""
        return whole(self._runs.get(wanted, ()))

    def ratio(self, above: Wanted, below: Wanted, metric: str) -> Ratio | None:
        """`metric` of one case ÷ that of another; None without both. Stacks under a load share one spread."""
        if above.instrument != "macro" or metric not in POOLED:
            return paired(self.of(above), self.of(below), metric)
        workloads = {above.workload, below.workload}
        loaded = (wanted for wanted in self._runs if wanted.instrument == "macro" and wanted.workload in workloads)
        costs = pooled({wanted: self.of(wanted) for wanted in loaded}, metric)
        return costs.ratio(above, below) if costs and {above, below} <= set(costs.stacks) else None

    def floor(self, instrument: Instrument, workload: str) -> float:
        """The noise floor of an instrument on the workload of a target."""
        return self._evidence[workload].floor(instrument)

    def why_none(self, wanted: Wanted) -> str:
        """The reason why `of` finds no run."""
        failed = [run.told for run in self._runs.get(wanted, ()) if run.verdict != "pass"]
        variant, framework, server = (*wanted.subject.split("/"), "", "")[:3]
        unavailable = (
            lack.reason
            for lack in self._session.unavailable
            if lack.covers(variant, framework, server, workload=wanted.workload)
        )
        return next(filter(None, (*unavailable, *failed)), "not measured")


def target_results(
    study: Study, session: Session, runs: Sequence[Run], selftest: Selftest | None = None
) -> tuple[TargetResult, ...]:
    """The results of every target, workload by workload, in the study's order. Those without a limit are one family."""
    measured = RunsByCase(study, session, runs, selftest)
    return _judged(
        [_result(target, workload, measured, study) for target in study.targets for workload in _workloads(target)]
    )


def _workloads(target: Target) -> Sequence[str]:
    """The workloads that a target has a result for. A start is the same for all; one without a limit is told once."""
    return target.workloads[:1] if target.metric == "ready" and target.at_most is None else target.workloads


def over_sessions(sessions: Sequence[Sequence[TargetResult]]) -> tuple[TargetResult, ...]:
    """The targets over sessions, the oldest first: ratios with the interval between them, or the worst values."""
    keys = [(last.target, last.workload) for last in sessions[-1]]
    return _judged(
        [_over([row for rows in sessions for row in rows if (row.target, row.workload) == key]) for key in keys]
    )


def counts(rows: Sequence[TargetResult]) -> list[str]:
    """The number of targets with a limit by outcome, such as `3 met` and `5 missed`."""
    demanded = [row.outcome or "not measured" for row in rows if row.target.at_most is not None]
    return [f"{demanded.count(name)} {name}" for name in OUTCOMES if name in demanded]


def verdict(rows: Sequence[TargetResult]) -> str:
    """The number of targets by outcome, and of those declared or changed after data existed; empty without a limit."""
    told = counts(rows)
    if not told:
        return ""
    late = sum(bool(row.remark) for row in rows if row.target.at_most is not None)
    after = f" ({late} declared or changed after the study's first session)" if late else ""
    return f"Targets: {', '.join(told)}{after}."


def _judged(rows: Sequence[TargetResult]) -> tuple[TargetResult, ...]:
    """The results, with the comparisons of those without a limit judged as one family."""
    family = iter(as_a_family([row.comparison for row in rows if row.comparison and row.target.at_most is None]))
    return tuple(
        replace(row, comparison=next(family)) if row.comparison and row.target.at_most is None else row for row in rows
    )


def _over(rows: Sequence[TargetResult]) -> TargetResult:
    last, known = rows[-1], [row.value for row in rows if row.value is not None]
    if last.value is None:
        return last
    if last.comparison is None:
        return replace(last, value=max(known), outcome=_outcome(last.target, max(known), max(known)))
    ratio = between([Ratio(estimate=value) for value in known])
    multiples = [row.multiple for row in rows if row.multiple]
    below = [row.below for row in rows if row.below]
    return replace(
        last,
        value=ratio.estimate,
        comparison=compared(ratio, max(row.comparison.floor for row in rows if row.comparison)),
        outcome=_outcome(last.target, ratio.low, ratio.high),
        multiple=between(multiples) if multiples else None,
        below=mean(below) if below else None,
    )


def _result(target: Target, workload: str, measured: RunsByCase, study: Study) -> TargetResult:
    row = TargetResult(target=target, workload=workload)
    wanted = _wanted(target, target.subject, workload)
    runs, metric = measured.of(wanted), METRICS.get(target.metric, target.metric)
    if not runs:
        return replace(row, reason=f"{wanted.subject}: {measured.why_none(wanted)}")
    if target.against is None:
        values = [value for run in runs for value in run.values(metric)]
        if not values:
            return replace(row, reason=f"{wanted.subject}: no {target.metric} in its runs")
        return replace(row, value=max(values), outcome=_outcome(target, max(values), max(values)))
    against = target.against.stack or target.against.variant or target.subject
    other = replace(_wanted(target, against, target.against.workload or workload), threads=False)
    found = measured.ratio(wanted, other, metric)
    if found is None:
        return replace(row, reason=f"{other.subject}: {measured.why_none(other)}")
    scale = _bytes(measured.of(other)) / _bytes(runs) if metric == "time" else 1.0
    low, high = (end and end * scale for end in (found.low, found.high))
    ratio = replace(found, estimate=scale * found.estimate, low=low, high=high)
    base = replace(wanted, subject=_baseline(target.subject, study))
    timed = metric in {"time", "cpu"} and not target.threads and base != wanted
    multiple = measured.ratio(base, wanted, metric) if timed else None
    below = mean([mean(run.values(metric)) for run in measured.of(other)]) if metric == "cpu" else None
    return replace(
        row,
        value=ratio.estimate,
        comparison=compared(ratio, measured.floor(wanted.instrument, workload)),
        outcome=_outcome(target, low, high),
        multiple=multiple,
        below=below,
    )


def _wanted(target: Target, subject: str, workload: str) -> Wanted:
    if target.variant:
        return Wanted("micro", subject, workload, target.threads)
    return Wanted("startup", subject, None) if target.metric == "ready" else Wanted("macro", subject, workload)


def _baseline(subject: str, study: Study) -> str:
    """The study's baseline, for a stack behind the same server."""
    return "/".join([study.baseline, *subject.split("/")[1:]])


def _bytes(runs: Sequence[Run]) -> float:
    """The bytes of a document, the mean over the workload."""
    return runs[0].values("size")[0]


def _outcome(target: Target, low: float | None, high: float | None) -> Outcome | None:
    if target.at_most is None:
        return None
    if low is None or high is None:
        return "undecided"
    return "met" if high <= target.at_most else "missed" if low > target.at_most else "undecided"

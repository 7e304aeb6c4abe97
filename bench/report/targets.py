"""The results of a study's targets: a figure with its interval, and whether the target is met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.analysis.comparison import Comparison, compared, paired
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio, between
from bench.analysis.text import number, seconds, share
from bench.model import Instrument, Run, Session, Study, Target
from bench.report.wording import judged

Outcome = Literal["met", "missed", "undecided"]
OUTCOMES = ("met", "missed", "undecided", "not measured")
METRICS = {"memory": "memory.loaded"}  # metrics of targets with another name in the runs


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a target on one workload.

    For a target `against` something, `value` is a ratio with the interval `low` … `high`. Otherwise it is in the unit
    of the target's metric, the worst of all processes. `multiple` is the speed-up relative to the study's baseline,
    which for a stack is behind the same server. The outcome is `undecided` where the interval contains the limit, or
    without an interval. It is None for a target without a limit. `below` is the seconds of server CPU per request
    of the stack that another is compared with.
    """

    target: Target
    workload: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    outcome: Outcome | None = None
    multiple: Ratio | None = None
    below: float | None = None
    reason: str | None = None

    @property
    def comparison(self) -> Comparison | None:
        """The ratio with a verdict from its own interval; None if the figure is not a ratio."""
        if self.value is None or self.target.against is None:
            return None
        ratio = Ratio(estimate=self.value, low=self.low, high=self.high)
        return Comparison(ratio=ratio, significant=ratio.differs_by_more_than(0.0))

    @property
    def text(self) -> str:
        """The figure with its interval. A ratio without a limit that is not significant is equal or undecided."""
        if self.value is None:
            return "—"
        if self.comparison and self.target.at_most is None:
            return judged(self.comparison)
        if self.target.against is None:
            is_share = self.target.metric == "fallbacks"
            return (share(self.value) if self.value else "none") if is_share else seconds(self.value)
        between = f" ({number(self.low)}–{number(self.high)})" if self.low and self.high else ""
        return f"{number(self.value)}×{between}"

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
        return judged(compared(self.multiple)) if self.multiple else ""

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


class Measured:
    """The runs for targets: those of cores alone, of starts, and under the study's first closed load."""

    def __init__(self, study: Study, session: Session, runs: Iterable[Run]) -> None:
        self._runs: dict[Wanted, list[Run]] = defaultdict(list)
        self._session = session
        for run in runs:
            case = run.case
            closed = study.macro.loads_for(case.workload)[0] if study.macro and case.workload else None
            if not (case.aa or case.path) and case.load in {None, closed}:
                where = None if case.instrument == "startup" else case.workload  # a start has no workload
                self._runs[Wanted(case.instrument, case.subject, where, case.threads > 1)].append(run)

    def of(self, wanted: Wanted) -> list[Run]:
        """The runs of a case; none if one of them failed."""
        found = self._runs.get(wanted, [])
        return [] if any(run.verdict != "pass" for run in found) else found

    def ratio(self, above: Wanted, below: Wanted, metric: str) -> Ratio | None:
        """`metric` of one case ÷ that of another; None without both. Stacks under a load share one spread."""
        if above.instrument != "macro" or metric not in POOLED:
            return paired(self.of(above), self.of(below), metric)
        workloads = {above.workload, below.workload}
        loaded = (wanted for wanted in self._runs if wanted.instrument == "macro" and wanted.workload in workloads)
        costs = pooled({wanted: self.of(wanted) for wanted in loaded}, metric)
        return costs.ratio(above, below) if costs and {above, below} <= set(costs.stacks) else None

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


def target_results(study: Study, session: Session, runs: Iterable[Run]) -> tuple[TargetResult, ...]:
    """The results of every target, workload by workload, in the study's order."""
    measured = Measured(study, session, runs)
    return tuple(
        _result(target, workload, measured, study) for target in study.targets for workload in target.workloads
    )


def over_sessions(rows: Sequence[TargetResult]) -> TargetResult:
    """A target over sessions, the oldest first: its ratio with the interval between them, or the worst value."""
    last, known = rows[-1], [row.value for row in rows if row.value is not None]
    if last.value is None:
        return last
    multiples = [row.multiple for row in rows if row.multiple]
    multiple = between(multiples) if multiples else None
    if last.target.against is None:
        return replace(last, value=max(known), outcome=_outcome(last.target, max(known), max(known)))
    found = between([Ratio(estimate=value) for value in known])
    outcome = _outcome(last.target, found.low, found.high)
    ratio = replace(last, value=found.estimate, low=found.low, high=found.high, outcome=outcome, multiple=multiple)
    below = [row.below for row in rows if row.below]
    return replace(ratio, below=mean(below) if below else None)


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


def _result(target: Target, workload: str, measured: Measured, study: Study) -> TargetResult:
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
    value, low, high = (end and end * scale for end in (found.estimate, found.low, found.high))
    outcome = _outcome(target, low, high)
    base = replace(wanted, subject=_baseline(target.subject, study))
    timed = metric in {"time", "cpu"} and not target.threads and base != wanted
    multiple = measured.ratio(base, wanted, metric) if timed else None
    below = mean([mean(run.values(metric)) for run in measured.of(other)]) if metric == "cpu" else None
    return replace(row, value=value, low=low, high=high, outcome=outcome, multiple=multiple, below=below)


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

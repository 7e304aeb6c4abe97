"""A study's targets with what was measured of them: each a figure, its interval, and whether it is met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.analysis.comparison import compared, paired
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio, between
from bench.analysis.text import number, seconds, share
from bench.model import Instrument, Run, Session, Study, Target
from bench.report.wording import judged

Outcome = Literal["met", "missed", "open"]
METRICS = {"memory": "memory.loaded"}  # where a target calls it otherwise than the runs


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One workload of a target.

    What is held against something is a ratio with the interval `low` … `high`; else `value` is in the unit of the
    target's metric, the worst of all processes. `multiple` is how many times as fast as the study's baseline the
    variant is there, or the stack as the baseline behind the same server.
    The outcome is `open` where the interval reaches over the limit either way or is unknown, as it is of one process;
    it is absent where nothing is demanded.
    """

    target: Target
    workload: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    outcome: Outcome | None = None
    multiple: Ratio | None = None
    reason: str | None = None

    @property
    def told(self) -> str:
        """The figure in words, with its interval."""
        if self.value is None:
            return "—"
        if self.target.against is None:
            is_share = self.target.metric == "fallbacks"
            return (share(self.value) if self.value else "none") if is_share else seconds(self.value)
        between = f" ({number(self.low)}–{number(self.high)})" if self.low and self.high else ""
        return f"{number(self.value)}×{between}"

    @property
    def remark(self) -> str:
        """That data of the study existed before the target did, with both days; nothing where none did."""
        target = self.target
        if target.after_session is None:
            return ""
        verb = "changed" if target.changed else "declared"
        return f"{verb} {target.settled}, after the study's first session of {target.after_session}"

    @property
    def fold(self) -> str:
        """How many times as fast as the baseline, in words."""
        return judged(compared(self.multiple)) if self.multiple else ""

    @property
    def limit(self) -> str:
        """What is demanded, in words."""
        limit = self.target.at_most
        if limit is None:
            return ""
        if self.target.against is None:
            return f"≤ {share(limit)}" if self.target.metric == "fallbacks" else f"≤ {limit:g} s"
        return f"≤ {limit:g}×"


class Wanted(msgspec.Struct, frozen=True):
    """What a target asks for: a variant or stack as written, and whether one thread or more had to do the work."""

    instrument: Instrument
    subject: str
    workload: str | None
    threads: bool = False


class Measured:
    """The runs that targets are of: those of cores alone, of starts, and under the study's first closed load."""

    def __init__(self, study: Study, session: Session, runs: Iterable[Run]) -> None:
        self._runs: dict[Wanted, list[Run]] = defaultdict(list)
        self._session = session
        for run in runs:
            case = run.case
            closed = study.macro.loads_for(case.workload)[0] if study.macro and case.workload else None
            if not (case.aa or case.path) and case.load in {None, closed}:
                where = None if case.instrument == "startup" else case.workload  # a start is of no workload
                self._runs[Wanted(case.instrument, case.subject, where, case.threads > 1)].append(run)

    def of(self, wanted: Wanted) -> list[Run]:
        """The runs of a case, none where one of them failed."""
        found = self._runs.get(wanted, [])
        return [] if any(run.verdict != "pass" for run in found) else found

    def ratio(self, above: Wanted, below: Wanted, metric: str) -> Ratio | None:
        """`metric` of one case ÷ that of another, of stacks under a load with one spread for all; None without both."""
        if above.instrument != "macro" or metric not in POOLED:
            return paired(self.of(above), self.of(below), metric)
        workloads = {above.workload, below.workload}
        loaded = (wanted for wanted in self._runs if wanted.instrument == "macro" and wanted.workload in workloads)
        costs = pooled({wanted: self.of(wanted) for wanted in loaded}, metric)
        return costs.ratio(above, below) if costs and {above, below} <= set(costs.stacks) else None

    def why_none(self, wanted: Wanted) -> str:
        """Why `of` finds nothing there."""
        failed = [run.told for run in self._runs.get(wanted, ()) if run.verdict != "pass"]
        variant, framework, server = (*wanted.subject.split("/"), "", "")[:3]
        unavailable = (
            lack.reason
            for lack in self._session.unavailable
            if lack.covers(variant, framework, server, workload=wanted.workload)
        )
        return next(filter(None, (*unavailable, *failed)), "not measured")


def held(study: Study, session: Session, runs: Iterable[Run]) -> tuple[Held, ...]:
    """Every target, workload by workload, in the study's order."""
    measured = Measured(study, session, runs)
    return tuple(_held(target, workload, measured, study) for target in study.targets for workload in target.workloads)


def over_sessions(rows: Sequence[Held]) -> Held:
    """A target over sessions, the oldest first: its ratios with the interval between them, else the worst value."""
    last, known = rows[-1], [row.value for row in rows if row.value is not None]
    if last.value is None:
        return last
    multiples = [row.multiple for row in rows if row.multiple]
    multiple = between(multiples) if multiples else None
    if last.target.against is None:
        return replace(last, value=max(known), outcome=_outcome(last.target, max(known), max(known)))
    found = between([Ratio(estimate=value) for value in known])
    outcome = _outcome(last.target, found.low, found.high)
    return replace(last, value=found.estimate, low=found.low, high=found.high, outcome=outcome, multiple=multiple)


def verdict(rows: Sequence[Held]) -> str:
    """How many of the limits are met, in a sentence; and how many of them came after data."""
    demanded = [row for row in rows if row.target.at_most is not None]
    if not demanded:
        return "No target has a limit."
    counts = {outcome: sum(row.outcome == outcome for row in demanded) for outcome in ("met", "missed", "open", None)}
    rest = [f"{count} {name or 'not measured'}" for name, count in counts.items() if count and name != "met"]
    late = sum(bool(row.remark) for row in demanded)
    after = f" ({late} declared or changed after the study's first session)" if late else ""
    return f"{counts['met']} of {len(demanded)} targets are met{''.join(f', {each}' for each in rest)}{after}."


def _held(target: Target, workload: str, measured: Measured, study: Study) -> Held:
    row = Held(target=target, workload=workload)
    wanted = _wanted(target, target.subject, workload)
    runs, metric = measured.of(wanted), METRICS.get(target.metric, target.metric)
    if not runs:
        return replace(row, reason=f"{wanted.subject}: {measured.why_none(wanted)}")
    if target.against is None:
        values = [value for run in runs for value in run.values(metric)]
        if not values:
            return replace(row, reason=f"{wanted.subject} does not tell")
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
    return replace(row, value=value, low=low, high=high, outcome=outcome, multiple=multiple)


def _wanted(target: Target, subject: str, workload: str) -> Wanted:
    if target.variant:
        return Wanted("micro", subject, workload, target.threads)
    return Wanted("startup", subject, None) if target.metric == "ready" else Wanted("macro", subject, workload)


def _baseline(subject: str, study: Study) -> str:
    """The study's baseline, behind the same server where the subject stands behind one."""
    return "/".join([study.baseline, *subject.split("/")[1:]])


def _bytes(runs: Sequence[Run]) -> float:
    """The bytes of a document, the mean over the workload."""
    return runs[0].values("size")[0]


def _outcome(target: Target, low: float | None, high: float | None) -> Outcome | None:
    if target.at_most is None:
        return None
    if low is None or high is None:
        return "open"
    return "met" if high <= target.at_most else "missed" if low > target.at_most else "open"

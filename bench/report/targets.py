"""A study's targets with what was measured of them: each a figure, its interval, and whether it is met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.model import Run, Session, Study, Target
from bench.report.comparison import paired
from bench.report.wording import interval, number, seconds, share, times
from bench.stats import Ratio

Outcome = Literal["met", "missed", "open"]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One workload of a target.

    `value` is in the unit of the target's metric; for time it is a ratio with the interval `low` … `high`, for the rest
    the worst of all processes. `multiple` is how many times as fast as the study's baseline the variant is there.
    The outcome is `open` where the interval reaches over the limit either way, and absent where nothing is demanded.
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
        match self.target.metric:
            case "fallbacks":
                return share(self.value) if self.value else "none"
            case "ready" | "build":
                return seconds(self.value)
        between = f" ({number(self.low)}–{number(self.high)})" if self.low and self.high else ""
        return f"{number(self.value)}×{between}"

    @property
    def fold(self) -> str:
        """How many times as fast as the baseline, in words."""
        return f"{times(self.multiple)} ({interval(self.multiple)})" if self.multiple else ""

    @property
    def limit(self) -> str:
        """What is demanded, in words."""
        limit = self.target.at_most
        if limit is None:
            return ""
        match self.target.metric:
            case "fallbacks":
                return f"≤ {share(limit)}"
            case "ready" | "build":
                return f"≤ {limit:g} s"
        return f"≤ {limit:g}×"


class Cores:
    """The runs of cores alone, by variant, workload and whether one thread or more had to do the work."""

    def __init__(self, session: Session, runs: Iterable[Run]) -> None:
        self._runs: dict[tuple[str, str | None, bool], list[Run]] = defaultdict(list)
        self._holes = {hole.what: hole.reason for hole in session.holes}
        for run in runs:
            case = run.case
            if case.instrument == "micro" and not case.twin and case.path is None:
                self._runs[case.variant, case.workload, "threads" in case.settings].append(run)

    def of(self, variant: str, workload: str, threads: bool = False) -> list[Run]:
        """The runs of a case, none where one of them failed."""
        found = self._runs.get((variant, workload, threads), [])
        return [] if any(run.verdict != "pass" for run in found) else found

    def why_none(self, variant: str, workload: str, threads: bool = False) -> str:
        """Why `of` finds nothing there."""
        failed = [run.reason for run in self._runs.get((variant, workload, threads), ()) if run.verdict != "pass"]
        return self._holes.get(variant) or next(filter(None, failed), "not measured")


def held(study: Study, session: Session, runs: Iterable[Run]) -> tuple[Held, ...]:
    """Every target, workload by workload, in the study's order."""
    cores = Cores(session, runs)
    return tuple(_held(target, workload, cores, study) for target in study.targets for workload in target.workloads)


def verdict(rows: Sequence[Held]) -> str:
    """How many of the limits are met, in a sentence."""
    demanded = [row for row in rows if row.target.at_most is not None]
    counts = {outcome: sum(row.outcome == outcome for row in demanded) for outcome in ("met", "missed", "open", None)}
    rest = [f"{count} {name or 'not measured'}" for name, count in counts.items() if count and name != "met"]
    return f"{counts['met']} of {len(demanded)} targets are met{''.join(f', {each}' for each in rest)}."


def _held(target: Target, workload: str, cores: Cores, study: Study) -> Held:
    row = Held(target=target, workload=workload)
    runs = cores.of(target.variant, workload, target.threads)
    if not runs:
        return replace(row, reason=f"{target.variant}: {cores.why_none(target.variant, workload, target.threads)}")
    if target.against is None:
        values = [value for run in runs for value in run.values(target.metric)]
        if not values:
            return replace(row, reason=f"{target.variant} does not tell")
        return replace(row, value=max(values), outcome=_outcome(target, max(values), max(values)))
    other, elsewhere = target.against.variant or target.variant, target.against.workload or workload
    found = paired(runs, cores.of(other, elsewhere), "time")
    if found is None:
        return replace(row, reason=f"{other}: {cores.why_none(other, elsewhere)}")
    bytes_ratio = _bytes(cores.of(other, elsewhere)) / _bytes(runs)
    value, low, high = (end and end * bytes_ratio for end in (found.estimate, found.low, found.high))
    outcome = _outcome(target, low or found.estimate * bytes_ratio, high or found.estimate * bytes_ratio)
    multiple = None if target.threads else paired(cores.of(study.baseline, workload), runs, "time")
    return replace(row, value=value, low=low, high=high, outcome=outcome, multiple=multiple)


def _bytes(runs: Sequence[Run]) -> float:
    """The bytes of a document, the mean over the workload."""
    return runs[0].values("size")[0]


def _outcome(target: Target, low: float, high: float) -> Outcome | None:
    if target.at_most is None:
        return None
    return "met" if high <= target.at_most else "missed" if low > target.at_most else "open"

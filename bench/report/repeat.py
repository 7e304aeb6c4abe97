"""Repeatability: the agreement of two sessions of a study, metric by metric.

A pair is swapped beyond its intervals if the two sessions rank it in opposite orders and the 95 % intervals of its
ratio do not overlap: the spread within a session does not explain the difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.stats import kendalltau, spearmanr

from bench import store
from bench.analysis.comparison import paired
from bench.analysis.pooled import Pooled
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio
from bench.analysis.text import interval, times
from bench.errors import LabError
from bench.model import Run, Session
from bench.paths import RESULTS
from bench.report.estimates import first_tripped

METRICS = {  # titles by instrument and metric; less is better in all but the rate, which does not matter to a rank
    ("micro", "time"): "time of the core alone",
    ("macro", "cpu"): "server CPU per request",
    ("macro", "rate"): "answers per second",
    ("macro", "latency.p99"): "p99 latency",
    ("macro", "memory.loaded"): "memory under load",
    ("startup", "ready"): "start-up",
}
CAPACITY = ("macro", "rate")
FEWEST = 3  # fewest subjects for a rank correlation

_Key = tuple[tuple[str, str], str | None, str | None]


class _Both(NamedTuple):
    """A subject with its runs in both sessions."""

    name: str
    runs: tuple[list[Run], list[Run]]


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """Two subjects, and the ratio of `a` to `b` in both sessions."""

    a: str
    b: str
    first: Ratio
    second: Ratio


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The agreement of two sessions on a metric.

    Of the `pairs` of subjects, `swaps` are in opposite orders beyond their intervals, and `within` counts those in
    opposite orders within them. The correlations are None for fewer than three subjects.
    """

    metric: str
    subjects: int
    pairs: int
    spearman: float | None
    kendall: float | None
    swaps: tuple[Swap, ...]
    within: int


def chosen(study: str, names: Sequence[str], results: Path = RESULTS) -> tuple[Path, Path]:
    """The folders of two finished sessions of a study, by name, or the last two. Raises LabError without them."""
    finished = {folder.name: folder for folder, session in store.sessions(study, results) if session.finished}
    wanted = list(names) or sorted(finished)[-2:]
    if len(wanted) != 2 or not all(name in finished for name in wanted):
        known = ", ".join(sorted(finished)) or "none"
        raise LabError(f"repeat requires two finished sessions of {study} (finished: {known})")
    return finished[wanted[0]], finished[wanted[1]]


def stored(folders: tuple[Path, Path]) -> list[Agreement]:
    """The agreement of the sessions in two folders."""
    first, second = (store.runs(folder) for folder in folders)
    return list(agreements(first, second))


def agreements(first: Sequence[Run], second: Sequence[Run]) -> Iterator[Agreement]:
    """The agreement of two sessions by metric, workload and load. Figures that one of them lacks are left out."""
    one, two = _grouped(first), _grouped(second)
    for key in one:
        ((instrument, metric), *where) = key
        other = two.get(key, {})
        shared = [_Both(name, (runs, other[name])) for name, runs in one[key].items() if name in other]
        if len(shared) > 1:
            yield _agreement(", ".join([METRICS[instrument, metric], *filter(None, where)]), metric, shared)


def lines(folders: tuple[Path, Path], found: Sequence[Agreement]) -> Iterator[str]:
    """The two sessions, then the lines of each agreement."""
    yield from _sessions(folders)
    for each in found:
        yield from agreement_lines(each)


def agreement_lines(each: Agreement) -> Iterator[str]:
    """A line on the agreement, then a line for each pair that swapped beyond its intervals."""
    ranks = "too few for a rank correlation"
    if each.spearman is not None and each.kendall is not None:
        ranks = f"Spearman {each.spearman:.3f}, Kendall {each.kendall:.3f}"
    swapped = f"{len(each.swaps)} of {each.pairs} pairs swapped beyond their intervals, {each.within} within"
    yield f"{each.metric}: {each.subjects} subjects, {ranks}, {swapped}"
    for swap in each.swaps:
        ratios = [f"{times(ratio)} ({interval(ratio)})" for ratio in (swap.first, swap.second)]
        yield f"  {swap.a} ÷ {swap.b}: {ratios[0]}, then {ratios[1]}"


def _agreement(words: str, metric: str, shared: list[_Both]) -> Agreement:
    levels = np.array([[_level(runs, metric) for runs in each.runs] for each in shared])
    pairs = list(combinations(range(len(shared)), 2))
    swapped = [(shared[a], shared[b]) for a, b in pairs if np.prod(levels[a] - levels[b]) < 0]
    fits = _fits(shared, metric)
    beyond = [swap for a, b in swapped if (swap := _beyond(a, b, metric, fits))]
    ranked = len(shared) >= FEWEST
    return Agreement(
        metric=words,
        subjects=len(shared),
        pairs=len(pairs),
        spearman=float(spearmanr(*levels.T).statistic) if ranked else None,
        kendall=float(kendalltau(*levels.T).statistic) if ranked else None,
        swaps=tuple(beyond),
        within=len(swapped) - len(beyond),
    )


def _fits(shared: list[_Both], metric: str) -> list[Pooled[str] | None]:
    """The fit of each session's stacks, for a metric with one spread; otherwise None."""
    if metric not in POOLED:
        return [None, None]
    return [pooled({each.name: each.runs[session] for each in shared}, metric) for session in (0, 1)]


def _beyond(a: _Both, b: _Both, metric: str, fits: list[Pooled[str] | None]) -> Swap | None:
    """The pair, if the intervals of its ratio in the two sessions do not overlap."""
    first, second = (
        fit.ratio(a.name, b.name) if fit else paired(one, other, metric)
        for fit, one, other in zip(fits, a.runs, b.runs, strict=True)
    )
    if not first or not second or not first.lies_apart_from(second):
        return None
    return Swap(a=a.name, b=b.name, first=first, second=second)


def _grouped(runs: Sequence[Run]) -> dict[_Key, dict[str, list[Run]]]:
    """Runs by metric, workload and load, then by subject. Open loads are left out: each session has its own rates."""
    found: dict[_Key, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    failed = {run.case.subject for run in runs if run.verdict == "failed"}
    for run in runs:
        if not run.case.is_plain or run.case.is_open or run.case.subject in failed:
            continue
        for measurement in run.measurements:
            what = (run.case.instrument, measurement.metric)
            if what in METRICS and not (what == CAPACITY and first_tripped([run], "capacity")):
                found[what, run.case.workload, run.case.load][run.case.subject].append(run)
    return found


def _level(runs: Sequence[Run], metric: str) -> float:
    return float(np.mean([np.mean(run.values(metric)) for run in runs]))


def _sessions(folders: tuple[Path, Path]) -> Iterator[str]:
    """The two sessions, and what differs between their inputs and machines."""
    one, two = (store.read(folder / "session.json", Session) for folder in folders)
    yield f"{one.study}: sessions of {one.started} and {two.started}"
    changed = {case.identity for case in one.plan.cases} ^ {case.identity for case in two.plan.cases}
    if changed:
        yield f"  Different inputs: {len(changed)} cases are in one of the sessions only."
    machines = {session.machine.get("fingerprint") for session in (one, two)}
    if len(machines) > 1:
        yield "  Different machines."

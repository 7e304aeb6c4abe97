"""The same answer twice: two sessions of a study, ranked metric by metric and held against each other.

A pair swapped beyond its interval where the two sessions put it in opposite orders and the 95 % intervals of its ratio
do not overlap: neither session's own spread explains what the other says.
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
from bench.analysis import gates
from bench.analysis.comparison import paired
from bench.analysis.pooled import Pooled
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio
from bench.analysis.text import interval, times
from bench.errors import LabError
from bench.model import Run, Session
from bench.paths import RESULTS

METRICS = {  # instrument and metric: what it is, in words; less is better in each but the rate, which a rank ignores
    ("micro", "time"): "time of the core alone",
    ("macro", "cpu"): "server CPU a request",
    ("macro", "rate"): "answers a second",
    ("macro", "latency.p99"): "p99 of the latency",
    ("macro", "memory.loaded"): "memory under load",
    ("startup", "ready"): "start-up",
}
CAPACITY = ("macro", "rate")
FEWEST = 3  # subjects that a rank correlation says something of

_Key = tuple[tuple[str, str], str | None, str | None]


class _Both(NamedTuple):
    """A subject and its runs in either session."""

    name: str
    runs: tuple[list[Run], list[Run]]


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """Two subjects, and the ratio of `a` to `b` in either session."""

    a: str
    b: str
    first: Ratio
    second: Ratio


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two sessions agree on a metric: `swaps` beyond the intervals, and how many `pairs` were `within` them.

    The correlations are absent where fewer than three subjects have the metric in both sessions.
    """

    metric: str
    subjects: int
    pairs: int
    spearman: float | None
    kendall: float | None
    swaps: tuple[Swap, ...]
    within: int


def chosen(study: str, names: Sequence[str], results: Path = RESULTS) -> tuple[Path, Path]:
    """The folders of two finished sessions of a study, by their names or the last two. Raises LabError without them."""
    finished = {folder.name: folder for folder, session in store.sessions(study, results) if session.finished}
    wanted = list(names) or sorted(finished)[-2:]
    if len(wanted) != 2 or not all(name in finished for name in wanted):
        known = ", ".join(sorted(finished)) or "none"
        raise LabError(f"repeat compares two finished sessions of {study}, there are: {known}")
    return finished[wanted[0]], finished[wanted[1]]


def stored(folders: tuple[Path, Path]) -> list[Agreement]:
    """How far the sessions in two folders agree."""
    first, second = (store.runs(folder) for folder in folders)
    return list(agreements(first, second))


def agreements(first: Sequence[Run], second: Sequence[Run]) -> Iterator[Agreement]:
    """How far two sessions agree, by metric, workload and load; what one of them lacks is left out."""
    one, two = _grouped(first), _grouped(second)
    for key in one:
        ((instrument, metric), *where) = key
        other = two.get(key, {})
        shared = [_Both(name, (runs, other[name])) for name, runs in one[key].items() if name in other]
        if len(shared) > 1:
            yield _agreement(", ".join([METRICS[instrument, metric], *filter(None, where)]), metric, shared)


def told(folders: tuple[Path, Path], found: Sequence[Agreement]) -> Iterator[str]:
    """Which sessions these are, then each agreement in words."""
    yield from _told_apart(folders)
    for each in found:
        yield from words(each)


def words(each: Agreement) -> Iterator[str]:
    """An agreement in words, a line for each pair that swapped."""
    ranks = "too few for a rank correlation"
    if each.spearman is not None and each.kendall is not None:
        ranks = f"Spearman {each.spearman:.3f}, Kendall {each.kendall:.3f}"
    swapped = f"{len(each.swaps)} of {each.pairs} pairs swapped beyond their intervals, {each.within} within them"
    yield f"{each.metric}: {each.subjects} subjects, {ranks}; {swapped}"
    for swap in each.swaps:
        ratios = [f"{times(ratio)} ({interval(ratio)})" for ratio in (swap.first, swap.second)]
        yield f"  {swap.a} to {swap.b}: {ratios[0]}, then {ratios[1]}"


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
    """Of each session the fit of all stacks, where they have one spread."""
    if metric not in POOLED:
        return [None, None]
    return [pooled({each.name: each.runs[session] for each in shared}, metric) for session in (0, 1)]


def _beyond(a: _Both, b: _Both, metric: str, fits: list[Pooled[str] | None]) -> Swap | None:
    """The pair, if the intervals of its ratio in the two sessions lie apart."""
    first, second = (
        fit.ratio(a.name, b.name) if fit else paired(one, other, metric)
        for fit, one, other in zip(fits, a.runs, b.runs, strict=True)
    )
    if not first or not second or not first.lies_apart_from(second):
        return None
    return Swap(a=a.name, b=b.name, first=first, second=second)


def _grouped(runs: Sequence[Run]) -> dict[_Key, dict[str, list[Run]]]:
    """Runs by metric, workload and load, then by subject; of those driven at a rate, none: it is the session's own."""
    found: dict[_Key, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    failed = {_subject(run) for run in runs if run.verdict == "failed"}
    for run in runs:
        if not run.case.is_plain or run.case.is_open or _subject(run) in failed:
            continue
        for measurement in run.measurements:
            what = (run.case.instrument, measurement.metric)
            if what in METRICS and not (what == CAPACITY and _is_limited(run)):
                found[what, run.case.workload, run.case.load][_subject(run)].append(run)
    return found


def _is_limited(run: Run) -> bool:
    """Whether the rate of a run tells of something else than its server."""
    return any(tripped.spoils == "capacity" for tripped in gates.judge(run))


def _level(runs: Sequence[Run], metric: str) -> float:
    return float(np.mean([np.mean(run.values(metric)) for run in runs]))


def _subject(run: Run) -> str:
    return run.case.subject


def _told_apart(folders: tuple[Path, Path]) -> Iterator[str]:
    """Which sessions these are, and whether they measured the same."""
    one, two = (store.read(folder / "session.json", Session) for folder in folders)
    yield f"{one.study}: the session of {one.started} and that of {two.started}"
    changed = {case.identity for case in one.plan.cases} ^ {case.identity for case in two.plan.cases}
    if changed:
        yield f"  Not the same: {len(changed)} of their cases are in one of them only, for an input of theirs changed."
    machines = {session.machine.get("fingerprint") for session in (one, two)}
    if len(machines) > 1:
        yield "  Not the same machine."

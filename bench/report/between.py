"""Ratios between sessions: what each session of a study said, and what they say together.

A session's own interval tells how exact it was, and nothing of the next session. So the session is the unit here:
Student's t over the sessions' log ratios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path

import msgspec

from bench import store
from bench.analysis import selftest
from bench.analysis.stats import FEWEST_SESSIONS, Ratio, between
from bench.analysis.text import interval, times
from bench.model import Session, Stack
from bench.report.finding import find
from bench.report.rows import Finding, closed_load

FASTER = "times as fast as the baseline"


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio of a subject's in each of the `sessions`, and over them (`ratio`); `metric` says what of, and to what.

    Of all `pairs` of sessions that have intervals, so many are `overlapping`.
    """

    metric: str
    subject: str
    sessions: tuple[Ratio, ...]
    ratio: Ratio
    pairs: int
    overlapping: int


def stored(folders: Sequence[Path]) -> list[Repeated]:
    """What the sessions in `folders` say together."""
    return list(repeated([_finding(folder) for folder in folders]))


def repeated(findings: Sequence[Finding]) -> Iterator[Repeated]:
    """Each core and each stack that has a ratio in every one of the sessions, workload by workload."""
    best = {each.workload: each.ranking[0].stack for each in findings[-1].each if each.ranks_stacks and each.ranking}
    tables = [dict([*_speedups(finding), *_costs(finding, best)]) for finding in findings]
    for metric, subject in tables[0]:
        ratios = [table[metric, subject] for table in tables if (metric, subject) in table]
        if len(ratios) < len(tables):
            continue
        pairs = [(a, b) for a, b in combinations(ratios, 2) if a.low is not None and b.low is not None]
        yield Repeated(
            metric=metric,
            subject=subject,
            sessions=tuple(ratios),
            ratio=between(ratios),
            pairs=len(pairs),
            overlapping=sum(not a.lies_apart_from(b) for a, b in pairs),
        )


def told(found: Sequence[Repeated]) -> Iterator[str]:
    """The ratios in words: a line a metric with how far its sessions agree, then a line a subject."""
    for metric, group in groupby(found, lambda each: each.metric):
        rows = list(group)
        overlapping, pairs = sum(each.overlapping for each in rows), sum(each.pairs for each in rows)
        yield f"{metric}: {overlapping} of {pairs} pairs of intervals overlap" if pairs else metric
        for each in rows:
            sessions = ", ".join(f"{times(ratio)} ({interval(ratio)})" for ratio in each.sessions)
            yield f"  {each.subject}: {_over(each)}; by session {sessions}"


def _over(each: Repeated) -> str:
    """The ratio over all sessions, with the interval between them or why there is none."""
    count = len(each.sessions)
    over = f"over {count} session{'s' * (count > 1)}"
    if each.ratio.low is None:
        return f"{times(each.ratio)} {over} (no interval between fewer than {FEWEST_SESSIONS})"
    return f"{times(each.ratio)} ({interval(each.ratio)}) {over}"


def _speedups(finding: Finding) -> Iterator[tuple[tuple[str, str], Ratio]]:
    """Those of a session's cores and stacks by metric, workload and load, then by subject."""
    for each in finding.each:
        for core in each.cores:
            if core.speedup.ratio and not core.baseline:
                yield (f"core alone, {each.workload}, {FASTER}", core.variant), core.speedup.ratio
        for row in each.rows:
            if row.speedup.ratio and not row.core.baseline:
                load = closed_load(each.study, each.workload)
                yield (f"server CPU a request, {each.workload}, {load}, {FASTER}", str(row.stack)), row.speedup.ratio


def _costs(finding: Finding, best: Mapping[str, Stack]) -> Iterator[tuple[tuple[str, str], Ratio]]:
    """Where stacks are ranked, what each costs in units of the `best`, one stack for all sessions, by workload."""
    for each in finding.each:
        costs = {ranked.stack: ranked.cost for ranked in each.ranking}
        first = best.get(each.workload)
        least = costs.get(first) if first else None
        for stack, cost in costs.items():
            if cost and least and stack != first:
                yield (f"cost, {each.workload}, times that of {first}", str(stack)), Ratio(estimate=cost / least)


def _finding(folder: Path) -> Finding:
    session = store.read(folder / "session.json", Session)
    tested = selftest.latest(session.machine.get("fingerprint"))
    return find(session, store.runs(folder), selftest=tested)

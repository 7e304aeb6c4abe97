"""Ratios over several sessions of a study, and how far the sessions agree.

The precision within one session does not predict the next session. So the session is the unit: Student's t over the
logarithms of the sessions' ratios.
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


class RatioOverSessions(msgspec.Struct, frozen=True, kw_only=True):
    """A subject's ratio in each of the `sessions`, and over them (`ratio`). `metric` names its figure and baseline.

    `pairs` counts the pairs of sessions that have intervals, `overlapping` those whose intervals overlap.
    """

    metric: str
    subject: str
    sessions: tuple[Ratio, ...]
    ratio: Ratio
    pairs: int
    overlapping: int


def stored(folders: Sequence[Path]) -> list[RatioOverSessions]:
    """The ratios over the sessions in `folders`."""
    return list(ratios_over([_finding(folder) for folder in folders]))


def ratios_over(findings: Sequence[Finding]) -> Iterator[RatioOverSessions]:
    """The ratios of each core and stack that has one in every session, workload by workload."""
    best = {each.workload: each.ranking[0].stack for each in findings[-1].each if each.ranks_stacks and each.ranking}
    tables = [dict([*_speedups(finding), *_costs(finding, best)]) for finding in findings]
    for metric, subject in tables[0]:
        ratios = [table[metric, subject] for table in tables if (metric, subject) in table]
        if len(ratios) < len(tables):
            continue
        pairs = [(a, b) for a, b in combinations(ratios, 2) if a.low is not None and b.low is not None]
        yield RatioOverSessions(
            metric=metric,
            subject=subject,
            sessions=tuple(ratios),
            ratio=between(ratios),
            pairs=len(pairs),
            overlapping=sum(not a.lies_apart_from(b) for a, b in pairs),
        )


def lines(found: Sequence[RatioOverSessions]) -> Iterator[str]:
    """A line for each metric with the agreement of its sessions, then a line for each subject."""
    for metric, group in groupby(found, lambda each: each.metric):
        rows = list(group)
        overlapping, pairs = sum(each.overlapping for each in rows), sum(each.pairs for each in rows)
        yield f"{metric}: {overlapping} of {pairs} pairs of intervals overlap" if pairs else metric
        for each in rows:
            sessions = ", ".join(f"{times(ratio)} ({interval(ratio)})" for ratio in each.sessions)
            yield f"  {each.subject}: {_over(each)}. By session: {sessions}"


def _over(each: RatioOverSessions) -> str:
    """The ratio over all sessions with its interval, or the reason why it has none."""
    count = len(each.sessions)
    over = f"over {count} session{'s' * (count > 1)}"
    if each.ratio.low is None:
        return f"{times(each.ratio)} {over} (no interval: fewer than {FEWEST_SESSIONS} sessions)"
    return f"{times(each.ratio)} ({interval(each.ratio)}) {over}"


def _speedups(finding: Finding) -> Iterator[tuple[tuple[str, str], Ratio]]:
    """The speed-ups of a session's cores and stacks, by metric, workload and load, then by subject."""
    for each in finding.each:
        for core in each.cores:
            if core.speedup.ratio and not core.baseline:
                yield (f"core alone, {each.workload}, {FASTER}", core.variant), core.speedup.ratio
        for row in each.rows:
            if row.speedup.ratio and not row.core.baseline:
                load = closed_load(each.study, each.workload)
                metric = f"server CPU per request, {each.workload}, {load}, {FASTER}"
                yield (metric, str(row.stack)), row.speedup.ratio


def _costs(finding: Finding, best: Mapping[str, Stack]) -> Iterator[tuple[tuple[str, str], Ratio]]:
    """The costs of ranked stacks relative to the `best` of the workload, the same stack for all sessions."""
    for each in finding.each:
        costs = {ranked.stack: ranked.cost for ranked in each.ranking}
        first = best.get(each.workload)
        least = costs.get(first) if first else None
        for stack, cost in costs.items():
            if cost and least and stack != first:
                yield (f"cost, {each.workload}, relative to {first}", str(stack)), Ratio(estimate=cost / least)


def _finding(folder: Path) -> Finding:
    session = store.read(folder / "session.json", Session)
    tested = selftest.latest(session.machine.get("fingerprint"))
    return find(session, store.runs(folder), selftest=tested)

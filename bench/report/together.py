"""Several sessions of a study as one finding: ratios over all sessions, with the interval between them.

Times, server CPU and rates are means over the sessions. All else is that of the last session.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from bench.analysis.comparison import Comparison, as_a_family, compared
from bench.analysis.stats import FEWEST_SESSIONS, Ratio, between
from bench.model import Stack
from bench.report.estimates import Figure
from bench.report.finding import families, rank
from bench.report.ranking import Figures, Ranked
from bench.report.rows import Core, Finding, Row
from bench.report.targets import over_sessions

S = TypeVar("S", str, Stack)


def together(findings: Sequence[Finding]) -> Finding:
    """The finding over `findings`, one for each session, the oldest first; the last one for fewer than three."""
    if len(findings) < FEWEST_SESSIONS:
        return replace(findings[-1], sessions=len(findings))
    first, *others = [_of_workload(each) for each in zip(*(finding.each for finding in findings), strict=True)]
    over = tuple(each.session for each in findings)
    targets = tuple(over_sessions(rows) for rows in zip(*(finding.targets for finding in findings), strict=True))
    return replace(first, others=tuple(others), targets=targets, over=over, sessions=len(over))


def sentences(finding: Finding) -> str:
    """The sessions from which the page's ratios and other figures come, and how many the page still lacks."""
    study = finding.study
    lacks = finding.sessions < study.sessions
    lead = f"**{finding.sessions} of {study.sessions} sessions are measured.** " if lacks else ""
    if not finding.over:
        more = f"measure {study.name}" if lacks else f"repeat {study.name} --times {FEWEST_SESSIONS}"
        return (
            f"{lead}Ratios come from one session. Another session may differ by more than their intervals. "
            f"To measure more: `python -m bench {more}`."
        )
    days = list(dict.fromkeys(session.started[:10] for session in (finding.over[0], finding.over[-1])))
    return (
        f"{lead}Ratios with an interval are geometric means over {len(finding.over)} sessions ({' to '.join(days)}), "
        "with the interval between sessions. Times, server CPU and rates are means over the sessions, so their "
        "quotients may differ from the ratios in the third digit. All else comes from the last session."
    )


def _of_workload(sessions: Sequence[Finding]) -> Finding:
    last = sessions[-1]
    cores = [_core([_named(core.variant, each.cores) for each in sessions]) for core in last.cores]
    cores = families(sorted(cores, key=lambda core: rank(core.time)))
    own = {core.variant: core for core in (*cores, *last.peers)}
    rows = [_row([_served(row, each.rows) for each in sessions], own) for row in last.rows]
    rows = families(sorted(rows, key=lambda row: rank(row.cpu)))
    times = [{core.variant: core.time.value for core in each.cores} for each in sessions]
    costs = [{row.stack: row.cpu.value for row in each.rows} for each in sessions]
    return replace(
        last,
        cores=tuple(cores),
        rows=tuple(rows),
        lead=_lead([core.variant for core in cores], times, last.lead),
        cheapest=_lead([row.stack for row in rows], costs, last.cheapest),
        ranking=_ranking([each.ranking for each in sessions], last.floor_served),
        raced=_ranking([each.raced for each in sessions], last.floor_served),
    )


def _core(sessions: Sequence[Core]) -> Core:
    time, speedup = _mean(core.time for core in sessions), _over([core.speedup for core in sessions])
    return replace(sessions[-1], time=time, speedup=speedup)


def _row(sessions: Sequence[Row], cores: Mapping[str, Core]) -> Row:
    cpu, capacity = (_mean(getattr(row, name) for row in sessions) for name in ("cpu", "capacity"))
    speedup = _over([row.speedup for row in sessions])
    own = cores[sessions[-1].core.variant]
    return replace(sessions[-1], core=own, cpu=cpu, capacity=capacity, speedup=speedup)


def _ranking(sessions: Sequence[Sequence[Ranked]], floor: float) -> tuple[Ranked, ...]:
    """The last session's stacks, the best first, each relative to the best over all sessions.

    A stack that some sessions lack has its ratio over the others, without an interval if these are fewer than three.
    """
    own = [{(each.stack, each.by): each for each in ranked if each.cost} for ranked in sessions]
    shared = [key for key in own[-1] if all(key in each for each in own)]
    if not shared:
        return tuple(sessions[-1])
    best = min(shared, key=lambda key: (key[1] != "cpu", float(np.mean([_log(each[key]) for each in own]))))
    ratios = {
        key: between([Ratio(estimate=math.exp(_log(each[key]) - _log(each[best]))) for each in own if key in each])
        for key in own[-1]
    }
    ordered = sorted(ratios, key=lambda key: (key[1] != "cpu", key != best, ratios[key].estimate))
    held = as_a_family([Comparison(ratio=ratios[key], floor=floor) for key in ordered[1:]])
    behind = [Comparison(reason="the best"), *held]
    return tuple(
        _ranked([each[key] for each in own if key in each], to) for key, to in zip(ordered, behind, strict=True)
    )


def _log(ranked: Ranked) -> float:
    return math.log(ranked.cost or math.nan)


def _ranked(sessions: Sequence[Ranked], behind: Comparison) -> Ranked:
    figures = Figures(_mean(each.figures.cpu for each in sessions), _mean(each.figures.rate for each in sessions))
    return replace(sessions[-1], figures=figures, servers=sum(each.servers for each in sessions), behind=behind)


def _named(variant: str, cores: Iterable[Core]) -> Core:
    return next(core for core in cores if core.variant == variant)


def _served(row: Row, rows: Iterable[Row]) -> Row:
    return next(each for each in rows if each.stack == row.stack)


def _mean(figures: Iterable[Figure]) -> Figure:
    """The mean over the sessions. A figure that a session lacks is absent, with the reason of the last such session."""
    known = list(figures)
    values = [figure.value for figure in known if figure.value is not None]
    if len(values) < len(known):
        return next(figure for figure in reversed(known) if figure.value is None)
    return replace(known[-1], value=float(np.mean(values)))


def _over(sessions: Sequence[Comparison]) -> Comparison:
    """The comparison over the sessions that have it, without an interval if these are fewer than three."""
    ratios = [each.ratio for each in sessions if each.ratio]
    return compared(between(ratios), max(each.floor for each in sessions)) if ratios else sessions[-1]


def _lead(ranked: Sequence[S], sessions: Sequence[Mapping[S, float | None]], last: Comparison) -> Comparison:
    """The first of the `ranked` subjects against the second; the `last` session's if one session lacks either."""
    pairs = [(each.get(ranked[0]), each.get(ranked[1])) for each in sessions] if len(ranked) > 1 else []
    ratios = [Ratio(estimate=second / first) for first, second in pairs if first and second]
    if len(ratios) < len(sessions):
        return last
    return compared(between(ratios), last.floor, among=len(ranked) - 1)

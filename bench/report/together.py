"""Several sessions of a study as one finding: ratios over all sessions, with the interval between them.

Times, server CPU, rates, memory and starts are means over the sessions, latencies medians over the servers of all. All
else is that of the last session. A subject that a session lacks has the figures of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from bench.analysis.comparison import Comparison, as_a_family, compared
from bench.analysis.stats import FEWEST_SESSIONS, Ratio, between
from bench.model import RankedBy, Stack
from bench.report import latencies
from bench.report.cost import Price, cost
from bench.report.estimates import Figure
from bench.report.finding import families, rank
from bench.report.ranking import Figures, Ranked
from bench.report.rows import Core, Finding, Row
from bench.report.targets import over_sessions

MEANS = ("cpu", "backend", "capacity", "memory", "start", "start_p95")  # a stack's figures that are means over sessions


def together(findings: Sequence[Finding]) -> Finding:
    """The finding over `findings`, one for each session, the oldest first; the last one for fewer than three."""
    if len(findings) < FEWEST_SESSIONS:
        return replace(findings[-1], sessions=len(findings))
    first, *others = [
        _of_workload([own for finding in findings for own in finding.each if own.workload == last.workload])
        for last in findings[-1].each
    ]
    targets = over_sessions([each.targets for each in findings])
    over = tuple(each.session for each in findings)
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
        "with the interval between sessions. Times, server CPU, rates, memory and starts are means over the sessions. "
        "Latencies are medians over the fresh servers of all. Sizes, warm-ups, extra servers, disturbances and seed "
        "are the last session's. A ratio may differ from the quotient of two cells in the third digit."
    )


def _of_workload(sessions: Sequence[Finding]) -> Finding:
    last = sessions[-1]
    cores = [
        _core([own for each in sessions for own in each.cores if own.variant == core.variant]) for core in last.cores
    ]
    cores = families(sorted(cores, key=lambda core: rank(core.time)))
    own = {core.variant: core for core in (*cores, *last.peers)}
    rows = [
        _row([same for each in sessions for same in each.rows if same.stack == row.stack], own, last.price)
        for row in last.rows
    ]
    rows = families(sorted(rows, key=lambda row: rank(row.cpu)))
    times = [{core.variant: core.time.value for core in each.cores} for each in sessions]
    return replace(
        last,
        cores=tuple(cores),
        rows=tuple(rows),
        lead=_lead([core.variant for core in cores], times, last.lead),
        ranking=_ranking([each.ranking for each in sessions], last.floor_served),
        raced=_ranking([each.raced for each in sessions], last.floor_served),
        latencies=latencies.over_sessions([each.latencies for each in sessions]),
    )


def _core(sessions: Sequence[Core]) -> Core:
    time, first, speedup = (
        _mean(core.time for core in sessions),
        _mean(core.first for core in sessions),
        _over([core.speedup for core in sessions]),
    )
    return replace(sessions[-1], time=time, first=first, speedup=speedup)


def _row(sessions: Sequence[Row], cores: Mapping[str, Core], price: Price | None) -> Row:
    means = {name: _mean(getattr(row, name) for row in sessions) for name in MEANS}
    spent = cost(means["cpu"], means["memory"], price)
    speedup = _over([row.speedup for row in sessions])
    return replace(sessions[-1], core=cores[sessions[-1].core.variant], speedup=speedup, cost=spent, **means)


def _ranking(sessions: Sequence[Sequence[Ranked]], floor: float) -> tuple[Ranked, ...]:
    """The last session's stacks, the best first, each relative to the best over all sessions.

    A stack that some sessions lack has its ratio over the others, without an interval if these are fewer than three.
    """
    own = [{each.stack: each for each in ranked if each.cost} for ranked in sessions]
    shared = [stack for stack in own[-1] if all(stack in each for each in own)]
    if not shared:
        return tuple(sessions[-1])
    by = {stack: _by([each[stack] for each in own if stack in each]) for stack in own[-1]}
    best = min(shared, key=lambda stack: (by[stack] != "cpu", _mean_log(own, stack, by[stack])))
    pairs = {
        stack: [(each[stack].cost_by(how), each[best].cost_by(how)) for each in own if stack in each and best in each]
        for stack, how in by.items()
    }
    ratios = {
        stack: between([Ratio(estimate=cost / least) for cost, least in costs if cost and least])
        for stack, costs in pairs.items()
        if any(cost and least for cost, least in costs)
    }
    ordered = sorted(ratios, key=lambda stack: (by[stack] != "cpu", stack != best, ratios[stack].estimate))
    held = as_a_family([Comparison(ratio=ratios[stack], floor=floor) for stack in ordered[1:]])
    behind = [Comparison(reason="the best"), *held]
    return tuple(
        _ranked([each[stack] for each in own if stack in each], by[stack], to)
        for stack, to in zip(ordered, behind, strict=True)
    )


def _by(sessions: Sequence[Ranked]) -> RankedBy:
    """The figure by which most sessions rank a stack; the last one's where as many do otherwise."""
    told = [each.by for each in reversed(sessions)]
    return max(told, key=told.count)


def _mean_log(own: Sequence[Mapping[Stack, Ranked]], stack: Stack, by: RankedBy) -> float:
    return float(np.mean([math.log(each[stack].cost_by(by) or math.nan) for each in own]))


def _ranked(sessions: Sequence[Ranked], by: RankedBy, behind: Comparison) -> Ranked:
    figures = Figures(_mean(each.figures.cpu for each in sessions), _mean(each.figures.rate for each in sessions))
    servers = sum(each.servers for each in sessions)
    return replace(sessions[-1], by=by, figures=figures, servers=servers, behind=behind)


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


def _lead(ranked: Sequence[str], sessions: Sequence[Mapping[str, float | None]], last: Comparison) -> Comparison:
    """The first of the `ranked` cores against the second; the `last` session's if one session lacks either."""
    pairs = [(each.get(ranked[0]), each.get(ranked[1])) for each in sessions] if len(ranked) > 1 else []
    ratios = [Ratio(estimate=second / first) for first, second in pairs if first and second]
    if len(ratios) < len(sessions):
        return last
    return compared(between(ratios), last.floor, among=len(ranked) - 1)

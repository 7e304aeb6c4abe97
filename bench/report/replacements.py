"""The answers and the tables of a study of replacements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from bench.analysis.text import number
from bench.model import Replacement
from bench.report import naming
from bench.report.markdown import Table
from bench.report.replaced import Bad, Replaced
from bench.report.rows import Finding
from bench.report.wording import MEGA, MICRO, fitting

KINDS = {
    "refused": "refused",
    "reset": "reset, new connection",
    "kept": "closed, kept connection",
    "wrong": "wrong or half",
    "late": "late",
}
Both = Sequence[Replaced]  # a server in one way: over kept connections, if it has them, and over new ones


def answers(finding: Finding) -> Iterator[str]:
    """Which servers lose nothing and how, what the others lose in their best way, and how long a start takes."""
    best = {each[0].name: each for each in _best(finding)}
    lossless = [_named(finding, both) for both in best.values() if not _lost(both)]
    if best:
        lead = f"Replaced without a lost request: {len(lossless)} of {len(best)} servers"
        yield fitting(lead, lossless, ", such as ")
    others = sorted(filter(_lost, best.values()), key=_lost)
    if others:
        ends = [f"{_lost(both):,} on {_named(finding, both)}" for both in (others[0], *others[1:][-1:])]
        yield fitting(f"The others lost, in their best way, {' to '.join(ends)}")
    yardstick = [both for both in _measured(finding) if _way(finding, both).order == "stop-first"]
    if yardstick:
        waits = {max(row.longest or 0.0 for row in both): naming.server(finding, both[0].stack) for both in yardstick}
        ends = [f"{number(wait, 2)} s ({waits[wait]})" for wait in dict.fromkeys((min(waits), max(waits)))]
        yield fitting(f"Stopped and then started, a server answers nothing for {' to '.join(ends)}")


def first(finding: Finding) -> Table:
    """A row for each server, in its best way."""
    heading = [
        "server",
        "CPU, µs/request, new connections",
        "best way",
        "lost",
        "longest wait, s",
        "new version alone after, s",
        "memory before → after, MB",
    ]
    rows = [
        [
            naming.server(finding, both[0].stack),
            _scaled(both[-1].cpu, MICRO),
            _way(finding, both).title,
            _of(both),
            _scaled(max((row.longest or 0.0 for row in both), default=None)),
            _scaled(max((row.switched or 0.0 for row in both), default=None)),
            _memory(max(both, key=lambda row: row.memory or (0.0, 0.0))),
        ]
        for both in _best(finding)
    ]
    return [heading, *rows] if rows else []


def every(finding: Finding) -> Table:
    """Every server, way and kind of connection."""
    heading = [
        "server",
        "way",
        "connections",
        "asked",
        *KINDS.values(),
        "longest wait, s",
        "new version alone after, s",
    ]
    heading += ["memory before → after, MB", "CPU, µs/request"]
    rows = [
        [
            naming.server(finding, row.stack),
            finding.catalog.replacements[row.way].title,
            "kept" if row.kept else "new",
            f"{row.asked:,}",
            *(str(row.lost.get(kind, 0)) for kind in KINDS),
            _scaled(row.longest),
            _scaled(row.switched),
            _memory(row),
            _scaled(row.cpu, MICRO),
        ]
        for row in finding.replaced
        if row.reason is None
    ]
    return [heading, *rows] if rows else []


def causes(finding: Finding) -> Table:
    """Why requests are lost, for each server and way that loses some, but for those that stop it first."""
    rows = []
    for both in filter(_lost, _measured(finding)):
        way, server = _way(finding, both), naming.server(finding, both[0].stack)
        if way.order != "stop-first":
            rows.append([server, way.title, _of(both), way.causes.get(both[0].name, way.cause)])
    return [["server", "way", "lost", "cause"], *rows] if rows else []


def bad(finding: Finding, what_became: Callable[[Replaced], Bad | None]) -> Table:
    """A row for each way: the servers that still give right answers beside a bad version, and the others.

    Of requests lost and seconds, it has those of the worst server.
    """
    heading = ["way", "still answer right", "lost meanwhile", "do not", "rolled back after, s"]
    rows = []
    for name in finding.study.ways:
        rows_of = [(row, what_became(row)) for row in finding.replaced if row.way == name]
        found = [(naming.server(finding, row.stack), each) for row, each in rows_of if each]
        if found:
            going, gone = ([label for label, each in found if each.goes_on is goes_on] for goes_on in (True, False))
            back = _scaled(max(each.back for _, each in found))
            worst = max((each for _, each in found if each.goes_on), key=lambda each: each.lost, default=None)
            way = finding.catalog.replacements[name]
            told = [f"{worst.lost:,} of {worst.asked:,}" if worst else "—", ", ".join(gone) or "—", back]
            rows.append([way.title, ", ".join(going) or "—", *told])
    return [heading, *rows] if rows else []


def ways(finding: Finding) -> Table:
    """The ways with their sources."""
    known = [finding.catalog.replacements[name] for name in finding.study.ways]
    return [["way", "what is done", "source"], *([each.title, each.note or "—", each.source] for each in known)]


def tables(finding: Finding) -> dict[str, Table]:
    """All tables of the study by title, without empty ones; none for a study without replacements."""
    found = {
        "Each server in its best way": first(finding),
        "Why requests are lost": causes(finding),
        "A version that does not start": bad(finding, attrgetter("broken")),
        "A version that answers wrong": bad(finding, attrgetter("wrong")),
        "Every server and way": every(finding),
    }
    return {title: rows for title, rows in found.items() if rows}


def without_figures(finding: Finding) -> list[str]:
    """What failed, with its reason."""
    return [
        f"{row.name}, {finding.catalog.replacements[row.way].title}, "
        f"{'kept' if row.kept else 'new'} connections: {row.reason}"
        for row in finding.replaced
        if row.reason
    ]


def _measured(finding: Finding) -> list[Both]:
    """The rows of each server and way, in the study's order, if no run failed."""
    grouped = groupby(finding.replaced, key=lambda row: (row.stack, row.way))
    found = [list(rows) for _, rows in grouped]
    return [both for both in found if all(row.reason is None for row in both)]


def _best(finding: Finding) -> list[Both]:
    """Each server in the way that loses least; of equals, in the one with the shortest longest wait."""
    found: dict[str, Both] = {}
    for both in sorted(_measured(finding), key=lambda both: (_lost(both), max(row.longest or 0.0 for row in both))):
        found.setdefault(both[0].name, both)
    return [found[label] for label in (*finding.study.servers, *finding.study.peers) if label in found]


def _way(finding: Finding, both: Both) -> Replacement:
    return finding.catalog.replacements[both[0].way]


def _named(finding: Finding, both: Both) -> str:
    return f"{naming.server(finding, both[0].stack)} ({_way(finding, both).title})"


def _lost(both: Both) -> int:
    return sum(row.losses for row in both)


def _asked(both: Both) -> int:
    return sum(row.asked for row in both)


def _of(both: Both) -> str:
    return f"{_lost(both):,} of {_asked(both):,}"


def _memory(row: Replaced) -> str:
    return " → ".join(number(value / MEGA) for value in row.memory) if row.memory else "—"


def _scaled(value: float | None, unit: float = 1.0) -> str:
    return "—" if value is None else number(value / unit)

"""The table of README: what each change brings, alone and behind a server, and what it costs."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.analysis.text import number
from bench.errors import LabError
from bench.paths import ROOT
from bench.report import naming, price, versions
from bench.report.markdown import table
from bench.report.ranking import Ranked
from bench.report.rows import Core, Finding, Row
from bench.report.speedups import KINDS, kind
from bench.report.study_page import machine
from bench.report.wording import estimate, scaled

README = ROOT / "README.md"
BEGIN, END = "<!-- answers: written by `make findings` -->", "<!-- end of answers -->"
SERVERS = {"gunicorn-sync": "behind Gunicorn sync", "uwsgi-processes": "behind uWSGI"}  # by label
STUDIES = ("variants", "newest", "servers", "nodejs", "spring")  # whose changes README shows, in this order
WORK = "medium"  # the workload that these studies share
MICRO, MEGA, WIDTH = 1e-6, 1e6, 118


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one thing, its speed-up `alone` and by the label of the server behind which it was measured.

    For a change of server, that is the server that it replaces. `price` is what the change costs.
    """

    name: str
    alone: str = ""
    served: dict[str, str]
    price: str = ""


def write(found: Mapping[str, Finding], path: Path = README) -> Path:
    """Write the table between the two markers of README. Raises LabError if a marker is missing."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise LabError(f"{path.name}: a marker of the table is missing: restore {BEGIN} and {END}")
    path.write_text(f"{head}{begin}\n\n{text(found)}\n{end}{tail}", encoding="utf-8")
    return path


def text(found: Mapping[str, Finding]) -> str:
    """The table, and a line on its unit, machine and days. Pages of other machines than the first are left out."""
    shown = [each for name in STUDIES if name in found for each in found[name].each if each.workload == WORK]
    shown = [each for each in shown if machine(each.session) == machine(shown[0].session)]
    if not shown:
        return "Not measured yet: `make measure`.\n"
    rows = [
        [f"[{each.name}](docs/findings/{finding.study.name}.md)", each.alone]
        + [each.served.get(label, "") for label in SERVERS]
        + [each.price]
        for finding in shown
        for each in changes(finding)
    ]
    days = sorted({finding.session.started[:10] for finding in shown})
    own = shown[0]
    unit = (
        f"Times as fast as {own.baseline.title} on {naming.work(own).lower()} a document; behind a server, by its CPU "
        "per request. Rows that change the server compare it with the column's server. Rows that leave Python compare "
        "with CPython behind that server. "
        f"{machine(own.session)}, {' to '.join(dict.fromkeys((days[0], days[-1])))}."
    )
    grid = [["change", "core alone", *SERVERS.values(), "price"], *rows]
    taken = _taken([finding for finding in shown if finding.study.peers])
    return f"{table(grid)}\n\n{textwrap.fill(unit, WIDTH)}\n{taken}"


def _taken(shown: Sequence[Finding]) -> str:
    """What whole stacks take whose start was measured, the least CPU first; of peers the cheapest and the ordinary."""
    rows: dict[str, Row] = {}
    titles: dict[str, str] = {}
    for finding in shown:
        own = [row for row in finding.rows if not row.stack.is_peer]
        for row in (*own, *_peers(finding)):
            if row.cpu.value and row.start.value and row.compressed.value:
                rows.setdefault(row.stack.variant, row)
                titles.setdefault(row.stack.variant, naming.stack(finding, row.stack))
    if not rows:
        return ""
    cells = [
        [
            titles[name],
            scaled(row.cpu, MICRO),
            scaled(row.cost.cpu_hours, 1.0),
            scaled(row.memory, MEGA),
            scaled(row.start, 1.0),
            scaled(row.compressed, MEGA),
        ]
        for name, row in sorted(rows.items(), key=lambda item: item[1].cpu.value or 0.0)
    ]
    pages = " and ".join(f"[{each.study.name}](docs/findings/{each.study.name}.md)" for each in shown)
    about = (
        f"What a stack takes for a request of {naming.work(shown[0]).lower()}: server CPU; core hours for a million of "
        "them; memory under load; the time from its start to the first answer; the files of a bare image, stripped and "
        f"gzipped ({pages}):"
    )
    grid = [["stack", "CPU, µs", "core hours per million", "memory, MB", "start, s", "size, MB"], *cells]
    return f"\n{textwrap.fill(about, WIDTH)}\n\n{table(grid)}\n"


def changes(finding: Finding) -> Iterator[Change]:
    """The changes that a study measured: of language, of server, of version, or of the core."""
    if finding.study.peers:
        yield from _languages(finding)
    elif finding.study.micro is None:
        yield from _servers(finding)
    elif len(finding.study.interpreters) > 1:
        newer = versions.best(finding)
        yield from [_core(finding, newer)] if newer else []
        yield from _server_for_plain(finding)
    else:
        yield from (_core(finding, core) for core in _shown(finding))


def _shown(finding: Finding) -> Iterator[Core]:
    """Every rewrite, and the fastest core of each other kind of change."""
    known: set[str | None] = {None}
    for core in finding.cores:  # the fastest first
        found = kind(finding.catalog, core, finding.baseline)
        if core.time.value and (core.rewritten or found not in known):
            yield core
        known.add(found)


def _core(finding: Finding, core: Core) -> Change:
    served = {row.stack.label: estimate(row.speedup) for row in finding.rows if row.core is core and row.cpu.value}
    told = [*price.words(core), naming.of_core(finding, core.variant), naming.held(finding, core.variant)]
    paid = ", ".join(filter(None, told))
    change = KINDS[kind(finding.catalog, core, finding.baseline) or "interpreter"]
    home = finding.catalog.interpreter_of(core.variant).title
    name = f"{change}: {home if core.plain else naming.core(finding, core)}"
    return Change(name=name, alone=estimate(core.speedup), served=served, price=paid)


def _servers(finding: Finding) -> Iterator[Change]:
    """The best stack of all, in place of the best of each of `SERVERS`."""
    usual = {label: _first(finding, label) for label in SERVERS}
    best = next(iter(finding.ranking), None)
    if best is None or best in usual.values():
        return
    served = {label: estimate(each.behind) for label, each in usual.items() if each and each.behind.ratio}
    name = f"Change the server: {naming.server(finding, best.stack)} (core: {naming.core(finding, finding.baseline)})"
    yield Change(name=name, served=served, price=naming.caveat(finding, best.stack))


def _server_for_plain(finding: Finding) -> Iterator[Change]:
    """The cheapest server of the baseline's core, in place of each of `SERVERS`: means without an interval."""
    spent = {row.stack: row.cpu.value for row in finding.rows if row.core.baseline and row.cpu.value}
    best = min(spent, key=lambda stack: spent[stack], default=None)
    usual = {stack.label: value for stack, value in spent.items() if stack.label in SERVERS}
    if best and usual and best.label not in usual:
        served = {label: f"{number(value / spent[best])}×" for label, value in usual.items()}
        name = f"Change the server: {naming.server(finding, best)} (core: {finding.baseline.title})"
        yield Change(name=name, served=served, price=naming.caveat(finding, best))


def _first(finding: Finding, label: str) -> Ranked | None:
    return next((each for each in finding.ranking if each.stack.label == label), None)


def _languages(finding: Finding) -> Iterator[Change]:
    """The cheapest peer and the ordinary one: the baseline's mean server CPU ÷ the peer's, behind each of `SERVERS`."""
    own = [row for row in finding.rows if row.core.baseline and row.stack.framework == finding.study.frameworks[0]]
    base = {row.stack.label: row.cpu.value for row in own if row.cpu.value}
    for row in _peers(finding):
        served = {label: f"{number(spent / (row.cpu.value or math.nan))}×" for label, spent in base.items()}
        held = f"holds {number(row.memory.value / MEGA)} MB" if row.memory.value else ""
        yield Change(name=f"Leave Python: {naming.core(finding, row.core)}", served=served, price=held)


def _peers(finding: Finding) -> list[Row]:
    """The cheapest peer, and the cheapest of those that are as most would write them."""
    first: dict[str, Row] = {}
    for row in finding.rows:  # the cheapest first
        if row.stack.is_peer and row.cpu.value:
            first.setdefault(finding.catalog.peers[row.stack.variant].kind, row)
    cheapest, ordinary = next(iter(first.values()), None), first.get("ordinary")
    return [row for row in (cheapest, ordinary if ordinary is not cheapest else None) if row]

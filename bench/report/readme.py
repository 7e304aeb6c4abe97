"""The tables of README: what each change brings and costs, and what whole stacks take."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import LabError
from bench.paths import ROOT
from bench.report import naming
from bench.report.changes import SERVERS, effects, peers
from bench.report.markdown import table
from bench.report.rows import Finding, Row
from bench.report.study_page import machine
from bench.report.wording import MEGA, MICRO, scaled

README = ROOT / "README.md"
BEGIN, END = "<!-- answers: written by `make findings` -->", "<!-- end of answers -->"
STUDIES = ("variants", "newest", "servers", "nodejs", "spring")  # whose figures README shows, in this order
WORK = "medium"  # the workload that these studies share
WIDTH = 118


def write(found: Mapping[str, Finding], path: Path = README) -> Path:
    """Write the tables between the two markers of README. Raises LabError if a marker is missing."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise LabError(f"{path.name}: a marker of the tables is missing: restore {BEGIN} and {END}")
    path.write_text(f"{head}{begin}\n\n{text(found)}\n{end}{tail}", encoding="utf-8")
    return path


def text(found: Mapping[str, Finding]) -> str:
    """Both tables, with their units, machine and days. Pages of other machines than the first are left out."""
    shown = [each for name in STUDIES if name in found for each in found[name].each if each.workload == WORK]
    shown = [each for each in shown if machine(each.session) == machine(shown[0].session)]
    if not shown:
        return "Not measured yet: `make measure`.\n"
    rows = [
        [f"[{each.name}](docs/findings/{finding.study.name}.md)", each.alone]
        + [each.served.get(label, "") for label in SERVERS]
        + [each.price]
        for finding in shown
        for each in effects(finding)
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
        for row in (*own, *peers(finding)):
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
        f"gzipped (measured apart: {pages}):"
    )
    grid = [["stack", "CPU, µs", "core hours per million", "memory, MB", "start, s", "size, MB"], *cells]
    return f"\n{textwrap.fill(about, WIDTH)}\n\n{table(grid)}\n"

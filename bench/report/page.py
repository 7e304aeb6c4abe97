"""The report: a finding as one HTML file that needs neither the network nor the lab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from bench.analysis import breaking
from bench.analysis.text import number, seconds, share
from bench.catalog import pairing
from bench.model import Peer, Server
from bench.report import (
    deliveries,
    front,
    ladder,
    latencies,
    layers,
    limits,
    loads,
    look,
    ranking,
    replacements,
    robustness,
    settings,
    stolen,
    suites,
    validators,
)
from bench.report.built import how
from bench.report.figures import LAB, plots, rerun
from bench.report.finding import PERCENTILES
from bench.report.markdown import templates
from bench.report.rows import Core, Course, Finding, Row, closed_load
from bench.report.spent import overhead
from bench.report.table import Cell, Column, columns, instructions, latency
from bench.report.targets import TargetResult, verdict

GIGABYTE = 1e9
HASH_DIGITS = 12
WORDS = ("Breaks at", "Recovers after")  # headings of columns of words
CODE = re.compile(r"`([^`]+)`")
SECTION = re.compile(r'<section id="([\w-]+)">\s*<h2>(.*?)</h2>')


def write(folder: Path, finding: Finding) -> Path:
    """Write `report.html` beside the session's record. Returns its path."""
    path = folder / "report.html"
    path.write_text(html(finding), encoding="utf-8")
    return path


def html(finding: Finding) -> str:
    """The whole page as HTML."""
    chosen = columns(finding)
    parts = [_part(each, chosen, finding.targets) for each in finding.each]
    environment = templates()
    environment.filters |= {"prose": prose, "contents": contents}
    return environment.get_template("report.html").render(
        finding=finding,
        parts=parts,
        sections=front.sections(parts),
        failed=list({(run.case.identity, run.block): run for each in finding.each for run in each.failed}.values()),
        look=look,
        cards=front.verdicts(finding),
        notes=front.notes(finding),
        filters=front.filters(finding),
        race=_race(finding),
        tested=_suites(finding),
        layered=layers.sections(finding) if finding.layered.rows else [],
        attacked=_attacked(finding),
        limited=limits.tables(finding) if finding.limited else {},
        replaced=replacements.tables(finding),
        delivered=deliveries.tables(finding),
        validated=[validators.table(finding), validators.misjudged(finding)] if validators.compared(finding) else [],
        targets={
            "table": settings.targets(finding),
            "only_settings": settings.only_settings(finding.targets),
            "verdict": verdict(finding.targets),
        },
        rule=breaking.RULE,
        machine=facts(finding.session.machine | ({"equal machines": finding.machines} if finding.machines > 1 else {})),
        versions=[_version(core, finding) for core in (*finding.cores, *finding.peers)],
        workloads=[finding.catalog.workloads[name] for name in finding.study.workloads],
        servers=_servers(finding),
        titles={name: finding.catalog.loads[name].title for name in finding.study.loads},
        stolen={"grid": stolen.grid(finding.stolen)},
        overhead=overhead(finding.session),
        rerun=rerun(finding),
        lab=LAB,
    )


def prose(text: str) -> Markup:
    """Text as HTML, what stands between backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def contents(body: str) -> list[tuple[str, str]]:
    """The id and the title of each section of a page."""
    return SECTION.findall(body)


def _part(finding: Finding, known: list[Column], targets: Sequence[TargetResult]) -> dict[str, Any]:
    """The page's parts for one workload. Columns without a figure are left out."""
    chosen = [each for each in known if any(each.cell(row).order is not None for row in finding.rows)]
    rankings = ladder.rankings(finding)
    load = finding.catalog.loads.get(closed_load(finding.study, finding.workload) or "")
    return {
        "title": finding.title,
        "finding": finding,
        "plots": plots(finding, targets),
        "load": load.title if load else "",
        "rankings": [
            each | {"rows": [row | {"names": front.names(row["stack"], finding)} for row in each["rows"]]}
            for each in rankings
        ],
        "ranked_by": ranking.ranked_by(finding.catalog.workloads[finding.workload]),
        "columns": chosen,
        "rows": [_cells(row, chosen) | {"names": front.names(row.stack, finding)} for row in finding.rows],
        "loads": _loads(finding),
        "latencies": {
            title: [{"cells": latency_row(each), "names": front.names(each.stack, finding)} for each in group]
            for title, group in latencies.levels(finding.latencies).items()
        },
        "percentiles": latencies.PERCENTILES,
        "without_result": [(reason, _gatling(course)) for course, reason in loads.without_result(finding)],
        "instructions": [instructions(core, finding.baseline) for core in finding.cores],
        "warmups": [warmup(core) for core in finding.cores],
    }


def _race(finding: Finding) -> dict[str, Any] | None:
    """The sentences on a race and its rounds; None without a race."""
    race = finding.session.race
    return {"words": ranking.race_sentences(race), "rounds": race.rounds} if race else None


def _suites(finding: Finding) -> dict[str, Any]:
    """The table of the frameworks under the test suite, why a row has no figures, and the lines that all share."""
    return {
        "table": suites.table(finding.tested),
        "reasons": {row.framework: row.reason for row in finding.tested if row.reason},
        "shared": next((row.lines["suite"] for row in finding.tested if row.lines), "—"),
    }


def _attacked(finding: Finding) -> dict[str, Any]:
    """The tables of the stacks under attack; none without attacks."""
    found = finding.attacked
    return {"places": robustness.whole_tables(found), "kinds": robustness.attacks_tables(found)} if found else {}


def _cells(row: Row, chosen: list[Column]) -> dict[str, Any]:
    """The cells of a row. A row without figures has those of its core, and the reason across the other columns."""
    shown = [column for column in chosen if row.verdict == "pass" or (column.of_core and row.core.reason is None)]
    named = shown or chosen[:2]
    return {"row": row, "cells": [column.cell(row) for column in named], "left": len(chosen) - len(named)}


def _loads(finding: Finding) -> dict[str, Any]:
    """The table of the open loads with a result, without empty columns, each row with Gatling's own report."""
    shown = [course for course in finding.open if loads.has_result(course)]
    headings = ("Load", "Stack", "Base rate, requests/s", *WORDS, *PERCENTILES)
    rows = [[*_load(course, finding), *map(latency, course.percentiles.values())] for course in shown]
    filled = [at for at in range(len(headings)) if any(row[at].text != loads.ABSENT for row in rows)]
    reports = [_gatling(course) for course in shown]
    return {
        "headings": [headings[at] for at in filled],
        "words": ["Stack", *WORDS, "Gatling"],
        "rows": [
            {"cells": [row[at] for at in filled], "report": report, "names": front.names(course.stack, finding)}
            for row, report, course in zip(rows, reports, shown, strict=True)
        ],
        "reports": any(reports),
    }


def _load(course: Course, finding: Finding) -> list[Cell]:
    """The cells of an open load before its percentiles."""
    texts = (
        finding.catalog.loads[course.load].title,
        course.title,
        number(course.rate or 0.0),
        *loads.cells(course),
    )
    return [Cell(text=text, order=None) for text in texts]


def _gatling(course: Course) -> str | None:
    """The path of Gatling's own report, where it was kept."""
    kept = next((path for path in course.raw if path.endswith(".gatling")), None)
    return kept and f"{kept}/index.html"


def latency_row(each: latencies.Latencies) -> list[Cell]:
    """The cells of a row of latencies, under `latencies.HEADING`."""
    texts = (each.title, number(each.rate), "—" if each.busy is None else share(each.busy))
    known = [(latencies.cell(percentile), percentile.figure) for percentile in each.percentiles.values()]
    return [
        *(Cell(text=text, order=None) for text in texts),
        *(Cell(text=text, detail=span, order=figure.value, hint=figure.reason) for (text, span), figure in known),
    ]


def warmup(core: Core) -> dict[str, Any]:
    """A row of the table of cold and warm processes."""
    first, settled, steady = (
        Cell(
            text=figure.instead if figure.value is None else seconds(figure.value),
            order=figure.value,
            hint=figure.reason,
        )
        for figure in (core.first, core.settled, core.time)
    )
    return {"title": core.title, "first": first, "settled": settled, "steady": steady, "shape": core.shape or "—"}


def _version(core: Core, finding: Finding) -> dict[str, Any]:
    """The facts that the measured process reports of itself, and its build."""
    built, wheel = core.build_seconds.value, core.wheel_bytes.value
    what = "built" if wheel is None else f"wheel of {number(wheel / 1e3)} kB"  # a peer has none
    return {
        "title": core.title,
        "variant": core.variant,
        "facts": {name: _short(value) for name, value in core.facts.items()},
        "how": "" if core.variant in finding.catalog.peers else how(core.facts),
        "build": "—" if built is None else f"{what} in {number(built)} s",
        "reason": core.reason,
    }


def _servers(finding: Finding) -> list[Server | Peer]:
    """The servers of the measured stacks. One label may stand for several, one per kind of interpreter."""
    found = [pairing.server_for(finding.catalog, row.stack) for row in finding.rows if row.verdict == "pass"]
    return list({server.name: server for server in found}.values())


def facts(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts about a machine as text, each with its name."""
    return [(name.removesuffix("_bytes").replace("_", " "), fact(name, value)) for name, value in machine.items()]


def fact(name: str, value: Any) -> str:
    """A fact about the machine as text, bytes in gigabytes."""
    if name.endswith("_bytes"):
        return f"{number(value / GIGABYTE)} GB"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _short(value: Any) -> str:
    """A fact as text, a long hash shortened."""
    text = fact("", value)
    return f"{text[:HASH_DIGITS]}…" if len(text) >= 40 and all(digit in "0123456789abcdef" for digit in text) else text

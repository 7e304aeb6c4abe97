"""A study's page in the docs, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from bench.analysis.breaking import RULE
from bench.analysis.text import listed
from bench.model import Plan, Session
from bench.paths import PROFILES, REMARKS
from bench.report import drift, ladder, latencies, loads, ranking, selftest, settings, stolen, suites
from bench.report.answer import paragraphs
from bench.report.builds import unlike
from bench.report.figures import rerun
from bench.report.gain import gain
from bench.report.markdown import Grid, render
from bench.report.noise import noise, power
from bench.report.page import told, warmup
from bench.report.pictures import pictures
from bench.report.rows import Finding
from bench.report.spent import costs, unrest
from bench.report.table import Cell, alone, columns
from bench.report.together import words as sessions

DERIVED = {"CPU cost", "Memory cost"}  # columns for which a page in the docs has no room


class Missing(msgspec.Struct, frozen=True):
    """What has no figure, and why."""

    what: str
    kind: str
    reason: str
    remedy: str | None = None


def page(finding: Finding) -> str:
    """A study's page as Markdown."""
    session = finding.session
    common = {
        "study": finding.study,
        "session": session,
        "machine": _machine(session),
        "facts": ", ".join(f"{_named(name)} {told(name, value)}" for name, value in session.machine.items()),
        "missing": list(_missing(finding)),
        "rerun": rerun(finding),
        "spent": [words for words in (unlike(finding), unrest(session), costs(session)) if words],
        "stolen": {"words": stolen.words(finding.stolen), "grid": stolen.grid(finding.stolen)},
    }
    if finding.study.selftest and finding.selftest:
        return render("selftest.md", verdict=selftest, found=finding.selftest, **common)
    if finding.drift:
        shown = drift.picture(finding.drift)
        return render("drift.md", verdict=drift, found=finding.drift, picture=shown, **common)
    return render(
        "finding.md",
        finding=finding,
        sample=_sample(finding.session.plan),
        answers=paragraphs(finding),
        gain=None if finding.study.open else gain(finding),
        sessions=sessions(finding),
        pictures=list(pictures(finding)),
        targets=_targets(finding),
        only_settings=settings.only_settings(finding.targets),
        profile=_profile(finding),
        remark=_remark(finding),
        tested=_tested(finding),
        parts=[_part(each) for each in finding.each if each.rows or not finding.targets],
        rule=RULE if finding.study.open else None,
        race=ranking.words(session.race) if session.race else None,
        **common,
        too_high=is_too_high(finding),
    )


def is_too_high(finding: Finding) -> bool:
    """Whether its server CPU was counted before requests under way were awaited."""
    return not all(each.awaited for each in finding.each)


def _part(finding: Finding) -> dict[str, Any]:
    """What the page shows of one workload."""
    warmups = [warmup(core) for core in finding.cores if core.time.value is not None]
    cold = [["variant", "first document", "until steady", "steady", "shape"]]
    for each in warmups:
        cells = (each[name].text for name in ("first", "settled", "steady"))
        cold.append([each["title"], *cells, each["shape"]])
    return {
        "title": finding.title,
        "noise": noise(finding),
        "power": power(finding),
        "rankings": _rankings(finding) if finding.ranks_stacks else [],
        "broke": [loads.heading(finding), *loads.rows(finding)] if finding.open else None,
        "unclaimed": loads.unclaimed(finding),
        "latencies": _latencies(finding),
        "rows": _stacks(finding) if finding.rows else _cores(finding),
        "warmups": cold if warmups else None,
    }


def _stacks(finding: Finding) -> Grid:
    """The main table: the rows that have figures, and the columns that any of them fills."""
    rows = [row for row in finding.rows if row.verdict == "pass"]
    shown = [column for column in columns(finding) if column.heading not in DERIVED]
    filled = [column for column in shown if any(column.cell(row).order is not None for row in rows)]
    heading = [f"{column.heading}, {column.unit}" if column.unit else column.heading for column in filled]
    return [heading, *([_text(column.cell(row)) for column in filled] for row in rows)]


def _rankings(finding: Finding) -> list[dict[str, Any]]:
    """By load, every stack from the best on, those that a race eliminated among them."""
    heading = [
        "stack",
        "rank",
        "server CPU, µs/request",
        "answers/s",
        "times as much as the best",
        "servers",
        "measured",
    ]
    return [
        {"load": each["load"], "table": [heading, *([row["name"], *map(_text, row["cells"])] for row in each["rows"])]}
        for each in ladder.rankings(finding)
    ]


def _latencies(finding: Finding) -> list[dict[str, Any]]:
    """By rate, every contender from the shortest 99th percentile on."""
    return [
        {"title": title, "table": [latencies.HEADING, *(latencies.row(each) for each in group)]}
        for title, group in latencies.levels(finding.latencies).items()
    ]


def _cores(finding: Finding) -> Grid:
    heading = ["variant", "core alone, µs", "speed-up"]
    return [heading, *([core.title, *map(_text, alone(core))] for core in finding.cores if core.verdict == "pass")]


def _targets(finding: Finding) -> Grid | None:
    rows = [
        [
            f"{row.target.title} ({row.remark})" if row.remark else row.target.title,
            finding.catalog.workloads[row.workload].title,
            row.reason or row.told,
            row.limit,
            row.outcome or "",
            row.fold,
        ]
        for row in finding.targets
    ]
    heading = ["target", "documents", "figure", "limit", "outcome", f"times as fast as {finding.baseline.title}"]
    if settings.only_settings(finding.targets):
        heading, rows = ["setting", "workload", "figure"], [row[:3] for row in rows]
    return [heading, *rows] if rows else None


def _profile(finding: Finding) -> str | None:
    """What somebody who profiled the study wrote of where the time goes, where a target is not met."""
    path = PROFILES / f"{finding.study.name}.md"
    unmet = any(row.outcome in {"missed", "open"} for row in finding.targets)
    return path.read_text(encoding="utf-8").strip() if unmet and path.exists() else None


def _remark(finding: Finding) -> str | None:
    """What somebody wrote for the readers of the page, where figures do not tell it."""
    path = REMARKS / f"{finding.study.name}.md"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _tested(finding: Finding) -> Grid | None:
    """Each framework under the suite."""
    heading = ["framework", *(heading.replace("\n", ", ") for heading in suites.HEADINGS)]
    rows = [[row.framework, *suites.cells(row)] for row in finding.tested]
    return [heading, *rows] if rows else None


def _missing(finding: Finding) -> Iterator[Missing]:
    """Holes, runs that failed, and rows that have no figures for another reason."""
    for lack in finding.session.unavailable:
        yield Missing(lack.what, lack.kind, lack.reason, lack.remedy)
    for run in {run.case.identity: run for each in finding.each for run in each.failed}.values():
        yield Missing(run.case.label, "failed", run.told or "without a reason")
    for each in finding.each:
        ranked = {stack.stack for stack in (*each.ranking, *each.raced)}
        for row in each.rows:
            if row.verdict == "eliminated" and row.stack not in ranked:
                where = f", {each.title}" if finding.others else ""
                yield Missing(f"{row.stack}{where}", row.verdict, row.reason or "without a reason")


def _machine(session: Session) -> str:
    """The machine in half a line."""
    known = session.machine
    parts = [known.get("cpu"), f"{known['cores']} cores" if "cores" in known else None, known.get("system")]
    return ", ".join(str(part) for part in parts if part) or "an unknown machine"


def _sample(plan: Plan) -> list[str]:
    """How much was measured."""
    study = plan.study
    told = [f"each core in {study.micro.processes} fresh processes"] if study.micro else []
    told += [f"the suite in {study.suite.processes} fresh processes a framework"] if study.suite else []
    if study.macro:
        driven = _quoted(plan, (load for name in study.workloads for load in study.macro.loads_for(name)))
        servers = f"{study.macro.runs} fresh server{'s' * (study.macro.runs > 1)}"
        told.append(f"each stack on {servers}, one worker on one core, under {driven}")
    if study.open:
        told.append(f"the best of each server program and each peer under {_quoted(plan, study.open.loads)}")
    return told + ([f"{study.startup.spawns} starts behind {study.startup.server}"] if study.startup else [])


def _quoted(plan: Plan, names: Iterable[str]) -> str:
    return listed([f"“{plan.catalog.loads[name].title}”" for name in dict.fromkeys(names)])


def _named(name: str) -> str:
    return name.removesuffix("_bytes").replace("_", " ")


def _text(cell: Cell) -> str:
    return f"{cell.text} ({cell.detail})" if cell.detail else cell.text

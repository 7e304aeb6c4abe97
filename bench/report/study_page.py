"""A study's page in the docs, as Markdown: question, answers, a plot, a table, the rest folded, then the method."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.analysis.breaking import RULE
from bench.analysis.text import listed
from bench.measure.instruments.delivered import LINE
from bench.model import Plan, Session
from bench.paths import PROFILES, REMARKS
from bench.report import (
    deliveries,
    drift,
    ladder,
    latencies,
    layers,
    limits,
    loads,
    overview,
    price,
    ranking,
    replacements,
    robustness,
    selftest,
    settings,
    stolen,
    suites,
    validators,
)
from bench.report.answer import answers
from bench.report.figures import rerun
from bench.report.markdown import Table, render
from bench.report.missing import missing
from bench.report.noise import once
from bench.report.page import facts, latency_row, warmup
from bench.report.pictures import main_picture, pictures
from bench.report.rows import Finding
from bench.report.spent import overhead, unrest
from bench.report.table import Cell, alone, columns
from bench.report.targets import verdict
from bench.report.together import sentences as sessions
from bench.report.versions import without_pgo
from bench.report.wording import UNDECIDED

DERIVED = {"CPU cost", "Memory cost"}  # columns that a page in the docs leaves out


def page(finding: Finding) -> str:
    """A study's page as Markdown."""
    session = finding.session
    common = {
        "finding": finding,
        "study": finding.study,
        "answers": answers(finding),
        "session": session,
        "machine": machine(session),
        "facts": ", ".join(map(" ".join, facts(session.machine))),
        "missing": missing(finding),
        "without_outcome": [
            *robustness.without_outcome(finding.attacked),
            *limits.without_figures(finding),
            *replacements.without_figures(finding),
            *deliveries.without_figures(finding),
        ],
        "rerun": rerun(finding),
        "spent": [words for words in (without_pgo(finding), unrest(session), overhead(session)) if words],
        "stolen": {"words": stolen.sentences(finding.stolen), "grid": stolen.grid(finding.stolen)},
        "remark": _by_hand(REMARKS, finding),
    }
    if finding.study.selftest and finding.selftest:
        return render("selftest.md", verdict=selftest, found=finding.selftest, **common)
    if finding.drift:
        shown = drift.picture(finding.drift)
        return render("drift.md", verdict=drift, found=finding.drift, picture=shown, **common)
    if finding.attacked:
        shown = robustness.picture(finding.attacked)
        return render("robustness.md", verdict=robustness, found=finding.attacked, picture=shown, **common)
    if finding.replaced:
        tables = replacements.tables(finding)
        return render("replaced.md", tables=tables, replacements=replacements, noise=once(finding), **common)
    if finding.limited:
        return render("limited.md", tables=limits.tables(finding), limits=limits, noise=once(finding), **common)
    if finding.delivered:
        steps = deliveries.picture(finding) if deliveries.of(finding, LINE) else None
        return render("delivered.md", tables=deliveries.tables(finding), picture=steps, noise=once(finding), **common)
    drawn = list(pictures(finding))
    if finding.layered.rows:
        return render("layers.md", layers=layers, pictures=drawn, noise=once(finding), **common)
    main = main_picture(drawn)
    return render(
        "finding.md",
        main=main,
        first=overview.table(finding),
        about=overview.about(finding),
        undecided=overview.undecided(finding),
        targets=_targets(finding),
        verdict=verdict(finding.targets),
        profile=_profile(finding),
        tested=suites.table(finding.tested) if finding.tested else None,
        misjudged=validators.misjudged(finding),
        parts=[_part(each, [shown for shown in drawn if shown is not main]) for each in finding.each],
        sample=_sample(session.plan),
        sessions=sessions(finding),
        noise=once(finding),
        agreement=loads.agreement(finding) if finding.study.open else "",
        rule=RULE if finding.study.open else None,
        race=ranking.race_sentences(session.race) if session.race else None,
        **common,
    )


def machine(session: Session) -> str:
    """The machine in a few words."""
    known = session.machine
    parts = [known.get("cpu"), f"{known['cores']} cores" if "cores" in known else None, known.get("system")]
    return ", ".join(str(part) for part in parts if part) or "an unknown machine"


def _part(finding: Finding, drawn: Iterable[Any]) -> dict[str, Any]:
    """The figures of one workload, with its plots among `drawn`."""
    warmups = [warmup(core) for core in finding.cores if core.time.value is not None]
    cold = [["variant", "first document", "until steady", "steady", "shape"]]
    for each in warmups:
        cells = (each[name].text for name in ("first", "settled", "steady"))
        cold.append([each["title"], *cells, each["shape"]])
    return {
        "title": finding.title,
        "pictures": [shown for shown in drawn if shown.workload == finding.workload],
        "rankings": _rankings(finding) if finding.ranks_stacks else [],
        "broke": loads.table(finding),
        "without_result": [reason for _, reason in loads.without_result(finding)],
        "latencies": _latencies(finding),
        "rows": _stacks(finding) if finding.rows else _cores(finding),
        "warmups": cold if warmups else None,
    }


def _stacks(finding: Finding) -> Table:
    """The main table: the rows that have figures, without empty columns."""
    rows = [row for row in finding.rows if row.verdict == "pass"]
    own = {"Speed-up"} if not finding.compares_cores else set()  # each stack would be its own baseline
    shown = [column for column in columns(finding) if column.heading not in DERIVED | own]
    filled = [column for column in shown if any(column.cell(row).order is not None for row in rows)]
    heading = [f"{column.heading}, {column.unit}" if column.unit else column.heading for column in filled]
    return [heading, *([_text(column.cell(row)) for column in filled] for row in rows)]


def _rankings(finding: Finding) -> list[dict[str, Any]]:
    """The ranking under each load, with the stacks that a race eliminated."""
    heading = [
        "stack",
        "rank",
        "fitted server CPU, µs/request",
        "answers/s",
        "relative to the best",
        "servers",
        "measured",
    ]
    return [
        {"load": each["load"], "table": [heading, *([row["name"], *map(_text, row["cells"])] for row in each["rows"])]}
        for each in ladder.rankings(finding)
    ]


def _latencies(finding: Finding) -> list[dict[str, Any]]:
    """The table of each rate, the shortest 99th percentile first."""
    plan, catalog = finding.study.latency, finding.session.plan.catalog
    lasts = f" for {sum(each.seconds for each in catalog.loads[plan.load].segments):g} s" if plan else ""
    return [
        {
            "title": f"{title}{lasts}",
            "table": [latencies.HEADING, *(list(map(_text, latency_row(each))) for each in group)],
        }
        for title, group in latencies.levels(finding.latencies).items()
    ]


def _cores(finding: Finding) -> Table:
    """The cores of a study without servers, with what each costs to keep where it was measured."""
    cores = [core for core in finding.cores if core.verdict == "pass"]
    known = price.known(cores)
    prices = ([price.cell(core, name) for name in known] for core in cores)
    heading = ["variant", "core alone, µs", "speed-up", *(price.TITLES[name] for name in known)]
    return [heading, *([core.title, *map(_text, alone(core)), *own] for core, own in zip(cores, prices, strict=True))]


def _targets(finding: Finding) -> Table | None:
    """The targets; for a study of settings, all of them beyond the first table."""
    shown = overview.MOST_ROWS if settings.only_settings(finding.targets) else 0
    rows = settings.targets(finding)
    return [rows[0], *rows[1 + shown :]] if len(rows) > 1 + shown else None


def _profile(finding: Finding) -> str | None:
    """The hand-written profile of where the time goes, for a study with a target that is not met."""
    unmet = any(row.outcome in {"missed", "undecided"} for row in finding.targets)
    return _by_hand(PROFILES, finding) if unmet else None


def _by_hand(folder: Path, finding: Finding) -> str | None:
    """The hand-written text on a study in a folder."""
    path = folder / f"{finding.study.name}.md"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _sample(plan: Plan) -> list[str]:
    """The sizes of the study's samples."""
    study = plan.study
    told = [f"each core in {study.micro.processes} fresh processes"] if study.micro else []
    told += [f"the suite in {study.suite.processes} fresh processes per framework"] if study.suite else []
    if study.macro:
        driven = _quoted(plan, (load for name in study.workloads for load in study.macro.loads_for(name)))
        servers = f"{study.macro.runs} fresh server{'s' * (study.macro.runs > 1)}"
        told.append(f"each stack on {servers}, one worker on one core, under {driven}")
    if study.open:
        told.append(f"the best of each server program and each peer under {_quoted(plan, study.open.loads)}")
    if study.startup:
        where = f"behind {study.startup.server}" if study.startup.server else "of each stack"
        told.append(f"{study.startup.spawns} starts {where}")
    return told


def _quoted(plan: Plan, names: Iterable[str]) -> str:
    return listed([f"“{plan.catalog.loads[name].title}”" for name in dict.fromkeys(names)])


def _text(cell: Cell) -> str:
    """A cell as text; what is undecided has no interval."""
    return f"{cell.text} ({cell.detail})" if cell.detail and cell.text != UNDECIDED else cell.text

"""The summary at the end of a run: the main table, missing figures with reasons, the answer, the report's path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.analysis.text import number
from bench.measure.instruments.sizes import Size
from bench.model import Stack
from bench.report import ranking, settings, stolen, suites
from bench.report.answer import answer, answers, target_sentences
from bench.report.builds import without_pgo
from bench.report.cards import cards
from bench.report.ladder import rows
from bench.report.noise import noise, power
from bench.report.rows import Finding
from bench.report.spent import overhead, unrest
from bench.report.table import MEGA, Cell, alone, columns
from bench.report.targets import TargetResult

SHOWN = 20  # most stacks of a ranking on a terminal
WIDE = 100  # columns of a terminal from which an interval fits beside its estimate


def show(console: Console, finding: Finding, page: Path, json: bool) -> None:
    """Print the main table, missing figures with reasons, the answer, the machine's bias and the report's path."""
    if json:
        console.print_json(msgspec.json.encode(_record(finding, page)).decode())
        return
    if finding.targets:
        console.print(_targets(finding.targets))
        _say(console, " ".join(target_sentences(finding)), "bold")
    if finding.tested:
        console.print(_tested(finding.tested))
        _say(console, suites.sentences(finding.tested), "bold")
    for each in finding.each if finding.rows else ():
        if finding.others:
            _say(console, each.title, "bold")
        console.print(_ranking(each) if finding.ranks_stacks else _stacks(each, console.width))
        for row in (row for row in each.rows if row.verdict not in {"pass", "eliminated"}):
            _say(console, f"{row.verdict}: {row.stack}: {row.reason}", "yellow")
    if not (finding.rows or finding.targets or finding.tested):
        console.print(_cores(finding))
        for core in (core for core in finding.cores if core.verdict != "pass"):
            _say(console, f"{core.verdict}: {core.variant}: {core.reason}", "yellow")
    _say(console, f"\n{finding.study.question}", "bold")
    for card in cards(finding) if finding.is_of_an_application else ():
        _say(console, f"\n{card.title}", "bold")
        for line in (card.lead, *card.rest):
            _say(console, f"  {line}")
    for each in finding.each if finding.rows or not finding.targets else ():
        lead = f"{each.title}. " if finding.others else ""
        _say(console, lead + " ".join(answer(each)))
        _say(console, f"{noise(each)} {power(each)}")
    raced = ranking.race_sentences(finding.session.race) if finding.session.race else None
    noisy = unrest(finding.session), stolen.sentences(finding.stolen)
    for words in filter(None, (raced, without_pgo(finding), *noisy, overhead(finding.session))):
        _say(console, words)
    _say(console, f"\nMeasured {finding.session.started}. Report: {page}")


def show_sizes(console: Console, sizes: Mapping[Stack, Mapping[str, Size]], json: bool) -> int:
    """Print the artifact size of each stack on a bare image, part by part. Returns exit status 0."""
    if json:
        console.print_json(msgspec.json.encode({str(stack): parts for stack, parts in sizes.items()}).decode())
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("")
    for kind in Size.__struct_fields__:
        table.add_column(f"{kind}\nMB", justify="right")
    for stack, parts in sizes.items():
        for index, (part, size) in enumerate(parts.items()):
            bytes_ = msgspec.structs.astuple(size)
            table.add_row("" if index else str(stack), part, *(number(value / MEGA) for value in bytes_))
        totals = [sum(column) for column in zip(*map(msgspec.structs.astuple, parts.values()), strict=True)]
        table.add_row("", "all", *(number(total / MEGA) for total in totals), style="bold", end_section=True)
    console.print(table)
    return 0


def _record(finding: Finding, page: Path) -> dict[str, object]:
    """The finding as JSON: every row with its figures and reasons, without series."""
    return {
        "study": finding.study.name,
        "started": finding.session.started,
        "answer": answers(finding),
        "noise_floor": {each.workload: each.floor for each in finding.each},
        "noise_floor_served": {each.workload: each.floor_served for each in finding.each},
        "selftest": finding.selftest,
        "cores": [core for each in finding.each for core in each.cores],
        "targets": finding.targets,
        "tested": finding.tested,
        "cards": cards(finding) if finding.is_of_an_application else (),
        "stacks": [row for each in finding.each for row in each.rows],
        "latencies": {each.workload: each.latencies for each in finding.each},
        "ranking": {each.workload: each.ranking for each in finding.each},
        "raced": {each.workload: each.raced for each in finding.each},
        "race": finding.session.race,
        "unavailable": finding.session.unavailable,
        "accounts": finding.session.accounts,
        "report": str(page),
    }


def _targets(rows: Sequence[TargetResult]) -> Table:
    """The targets by title, workload by workload."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    headings = ("figure",) if settings.only_settings(rows) else ("figure", "limit", "", "speed-up")
    for heading in headings:
        table.add_column(heading, justify="right")
    for (title, remark), group in groupby(rows, key=lambda row: (row.target.title, row.remark)):
        table.add_row(Text(title, style="bold"))
        if remark:
            table.add_row(Text(f" {remark}", style="yellow", no_wrap=False))
        for row in group:
            cells = (row.reason or row.text, row.limit, row.outcome or "", row.fold)[: len(headings)]
            table.add_row(f" {row.workload}", *map(Text, cells), style="yellow" if row.outcome == "missed" else "")
    return table


def _tested(rows: Sequence[suites.SuiteResult]) -> Table:
    """The frameworks under the test suite."""
    table = Table("", box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for heading in suites.HEADINGS:
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        table.add_row(row.framework, *suites.cells(row))
    return table


def _cores(finding: Finding) -> Table:
    """The cores of a study without servers."""
    table = Table("", box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("core\nµs", "speed-up\n"):
        table.add_column(heading, justify="right", overflow="fold")
    for core in finding.cores:
        table.add_row(core.variant, *(_text(cell, " ") for cell in alone(core)))
    return table


def _stacks(finding: Finding, width: int) -> Table:
    """The main table, server by server."""
    gap = " " if width >= WIDE else "\n"
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    chosen = {column.brief: column for column in columns(finding) if column.brief}
    for heading in chosen:
        table.add_column(heading, justify="right", overflow="fold")
    for place in finding.places:
        table.add_row(Text(place, style="bold"))
        for row in (row for row in finding.rows if row.place == place):
            table.add_row(f" {row.stack.variant}", *(_text(column.cell(row), gap) for column in chosen.values()))
    return table


def _ranking(finding: Finding) -> Table:
    """The best stacks of a workload, as many as fit a screen. The page has all of them."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in ("rank", "CPU µs", "answers/s", "relative to best", "servers", "measured"):
        table.add_column(heading, justify="right", overflow="fold")
    found = rows(finding, finding.ranking)
    for row in found[:SHOWN]:
        table.add_row(row["name"], *(_text(cell, " ") for cell in row["cells"]))
    if len(found) > SHOWN:
        table.add_row(Text(f"and {len(found) - SHOWN} more", style="dim"))
    return table


def _text(cell: Cell, gap: str) -> Text:
    """A cell's text, dim if not significant. In a narrow table, the interval is below its estimate."""
    detail = f"{gap}({cell.detail})" if cell.detail else ""
    return Text(cell.text.replace("-", f"-{gap.strip(' ')}") + detail, style="" if cell.significant else "dim")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False)

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
from bench.model import Image, Stack
from bench.report import (
    deliveries,
    layers,
    limits,
    ranking,
    replacements,
    robustness,
    settings,
    stolen,
    suites,
    validators,
)
from bench.report.answer import answers
from bench.report.attacked import Attacked
from bench.report.cards import cards
from bench.report.grid import Grid
from bench.report.ladder import rows
from bench.report.noise import once
from bench.report.rows import Finding
from bench.report.spent import overhead, unrest
from bench.report.table import Cell, alone, columns
from bench.report.targets import TargetResult, verdict
from bench.report.versions import without_pgo
from bench.report.wording import MEGA

SHOWN = 20  # most stacks of a ranking on a terminal


def show(console: Console, finding: Finding, page: Path, json: bool) -> None:
    """Print the main table, missing figures with reasons, the answer, the machine's bias and the report's path."""
    if json:
        console.print_json(msgspec.json.encode(_record(finding, page)).decode())
        return
    _tables(console, finding)
    _say(console, f"\n{finding.study.question}", "bold")
    shown = cards(finding)
    for card in shown:
        _say(console, f"\n{card.title}", "bold")
        for line in (card.lead, *card.details):
            _say(console, f"  {line}")
    raced = ranking.race_sentences(finding.session.race) if finding.session.race else None
    noise = unrest(finding.session), stolen.sentences(finding.stolen)
    noisy: tuple[str | None, ...] = () if finding.attacked else noise
    notes = filter(None, (raced, without_pgo(finding), *noisy, overhead(finding.session)))
    told = [] if shown else [answer for answer in answers(finding) if answer != verdict(finding.targets)]
    doubts = once(finding) if not finding.attacked and (finding.rows or not finding.targets) else ()
    for words in (*told, *doubts, *notes):
        _say(console, words)
    _say(console, f"\nMeasured {finding.session.started}. Report: {page}")


def _tables(console: Console, finding: Finding) -> None:
    """The tables of what the study measured, and why a figure is missing."""
    if finding.targets:
        _targets(finding.targets).print(console)
        _say(console, verdict(finding.targets), "bold")
    if finding.tested:
        Grid.of(suites.table(finding.tested)).print(console)
    for each in finding.each if finding.layered.rows else ():
        _say(console, each.title, "bold")
        Grid.of(layers.rows(each)).print(console)
    if finding.attacked:
        _attacked(finding.attacked).print(console)
    apart = limits.tables(finding, ends=False) | replacements.tables(finding) | deliveries.tables(finding)
    for title, table in apart.items():
        _say(console, title, "bold")
        Grid.of(table).print(console)
    for each in finding.each if finding.rows and not finding.attacked and not apart else ():
        if finding.others:
            _say(console, each.title, "bold")
        (_ranking(each) if finding.ranks_stacks else _stacks(each)).print(console)
        for row in (row for row in each.rows if row.verdict not in {"pass", "eliminated"}):
            _say(console, f"{row.verdict}: {row.stack}: {row.reason}", "yellow")
    is_shown = any((finding.rows, finding.targets, finding.tested, finding.layered.rows, apart))
    if validators.compared(finding):
        Grid.of(validators.table(finding)).print(console)
        is_shown = True
    for each in () if is_shown else finding.each:
        if finding.others:
            _say(console, each.title, "bold")
        _cores(each).print(console)
        for core in (core for core in each.cores if core.verdict != "pass"):
            _say(console, f"{core.verdict}: {core.variant}: {core.reason}", "yellow")


def show_sizes(
    console: Console, sizes: Mapping[Stack, Mapping[str, Size]], images: Mapping[Stack, Image], json: bool
) -> None:
    """Print the artifact size of each stack on a bare image, part by part, and of its container image, by layer."""
    if json:
        console.print_json(msgspec.json.encode({str(stack): parts for stack, parts in sizes.items()}).decode())
        return
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
    if images:
        show_images(console, images)


def show_images(console: Console, images: Mapping[Stack, Image], json: bool = False) -> None:
    """Print the layers of the images of stacks, with the digests."""
    if json:
        console.print_json(msgspec.json.encode({str(stack): image for stack, image in images.items()}).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("image of", no_wrap=True)
    table.add_column("layer")
    for kind in ("unpacked", "compressed"):
        table.add_column(f"{kind}\nMB", justify="right")
    for stack, image in images.items():
        for index, layer in enumerate(image.layers):
            sizes = (layer.unpacked, layer.compressed)
            table.add_row("" if index else str(stack), layer.name, *(number(size / MEGA) for size in sizes))
        totals = (image.unpacked, image.compressed)
        table.add_row("", "all", *(number(total / MEGA) for total in totals), style="bold", end_section=True)
    console.print(table)
    for stack, image in images.items():
        console.print(f"{stack}: {image.digest}", highlight=False, soft_wrap=True)


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
        "layers": {each.workload: each.layered.rows for each in finding.each},
        "attacked": finding.attacked,
        "limited": finding.limited,
        "replaced": finding.replaced,
        "delivered": finding.delivered,
        "cards": cards(finding),
        "stacks": [row for each in finding.each for row in each.rows],
        "latencies": {each.workload: each.latencies for each in finding.each},
        "ranking": {each.workload: each.ranking for each in finding.each},
        "raced": {each.workload: each.raced for each in finding.each},
        "race": finding.session.race,
        "unavailable": finding.session.unavailable,
        "accounts": finding.session.accounts,
        "report": str(page),
    }


def _targets(rows: Sequence[TargetResult]) -> Grid:
    """The targets by title, workload by workload."""
    headings = ("figure",) if settings.only_settings(rows) else ("figure", "limit", "", "speed-up")
    grid = Grid(*headings)
    for (title, remark), group in groupby(rows, key=lambda row: (row.target.title, row.remark)):
        grid.span(title)
        if remark:
            grid.span(f" {remark}", "yellow")
        for row in group:
            cells = (row.text, row.limit, row.outcome or "", row.fold)[: len(headings)]
            grid.row(f" {row.workload}", *cells, style="yellow" if row.outcome == "missed" else "")
            if row.reason:
                grid.span(f"  {row.reason}", "yellow")
    return grid


def _attacked(found: Sequence[Attacked]) -> Grid:
    """The servers under attack, place by place."""
    grid = Grid(*robustness.HEADING[1:])
    for place, table in robustness.whole_tables(found).items():
        grid.span(place)
        for name, *cells in table[1:]:
            grid.row(f" {name}", *cells)
    for reason in robustness.without_outcome(found):
        grid.span(reason, "yellow")
    return grid


def _cores(finding: Finding) -> Grid:
    """The cores of a study without servers."""
    grid = Grid("core\nµs", "speed-up\n")
    for core in finding.cores:
        grid.row(core.variant, *map(_text, alone(core)))
    return grid


def _stacks(finding: Finding) -> Grid:
    """The main table, server by server."""
    chosen = {column.brief: column for column in columns(finding) if column.brief}
    grid = Grid(*chosen)
    for place in finding.places:
        grid.span(place)
        for row in (row for row in finding.rows if row.place == place):
            grid.row(f" {row.stack.variant}", *(_text(column.cell(row)) for column in chosen.values()))
    return grid


def _ranking(finding: Finding) -> Grid:
    """The best stacks of a workload, as many as fit a screen. The page has all of them."""
    grid = Grid("rank", "CPU µs", "answers/s", "relative to best", "servers", "measured")
    found = rows(finding, finding.ranking)
    for row in found[:SHOWN]:
        grid.row(row["name"], *map(_text, row["cells"]))
    if len(found) > SHOWN:
        grid.span(f"and {len(found) - SHOWN} more", "dim")
    return grid


def _text(cell: Cell) -> Text:
    """A cell's text with its interval, dim if it is not significant."""
    detail = f" ({cell.detail})" if cell.detail else ""
    return Text(cell.text + detail, style="" if cell.significant else "dim")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False)

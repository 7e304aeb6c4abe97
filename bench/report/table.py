"""The columns of the main table, a row for each stack. A cell has a text, a key to sort by, and a hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from bench.analysis.comparison import Comparison
from bench.analysis.stats import Ratio
from bench.analysis.text import interval, number, seconds, share
from bench.report.built import how
from bench.report.estimates import Figure
from bench.report.rows import Core, Finding, InstructionCounts, Row
from bench.report.wording import KILO, MEGA, MICRO, estimate, microseconds, scaled

PEER = "relative to the baseline behind the study's first server"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell. `detail` is small beside the text, `order` sorts the column (None last), `hint` is shown on hover."""

    text: str
    detail: str = ""
    order: float | str | None
    hint: str | None = None
    significant: bool = True


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column: its heading, unit and meaning (`about`), and the function from a row to its cell.

    `brief` is its heading in the terminal's table, None if it is not there. `of_core`: it needs no server. `part` is
    the part of a study that fills it, None if every study does.
    """

    heading: str
    unit: str
    about: str
    cell: Callable[[Row], Cell]
    brief: str | None = None
    of_core: bool = False
    part: Literal["micro", "instructions", "startup", "sizes"] | None = None


def columns(finding: Finding) -> list[Column]:
    """The columns that the finding can fill. Money needs a price."""
    known = (*_CORE[:2], *([_BUILT] if len(finding.study.interpreters) > 1 else []), *_CORE[2:], *_STACK)
    asked = [column for column in known if column.part is None or getattr(finding.study, column.part)]
    warmed = any(row.warmed.value is not None or row.warmed.instead == "never" for row in finding.rows)
    behind = any(row.backend.value is not None for row in finding.rows)
    own = ((_BACKEND, behind), (_WARMED, warmed), (_MONEY, finding.price))
    return [*asked, *(column for column, is_known in own if is_known)]


def latency(figure: Figure) -> Cell:
    """The cell of a latency in microseconds."""
    return Cell(text=microseconds(figure), order=figure.value, hint=figure.reason)


def counted(counts: InstructionCounts) -> Cell:
    """The cell of instructions in thousands. If the counted path is not the timed one, with both and its time."""
    cell = _figure(counts.instructions, KILO)
    if counts.timed_path is None or counts.instructions.value is None:
        return cell
    time = "not timed" if counts.time.value is None else f"{seconds(counts.time.value)} per document"
    hint = f"counted on path {counts.path}, timed on {counts.timed_path}, with {counts.path} forced: {time}"
    return msgspec.structs.replace(cell, detail=f"{counts.path}, not {counts.timed_path}", hint=hint)


def _figure(figure: Figure, unit: float) -> Cell:
    return Cell(text=scaled(figure, unit), order=figure.value, hint=figure.reason)


def instructions(core: Core, baseline: Core) -> dict[str, Any]:
    """A row of the table of instruction counts: counts, their ratio to the baseline's, and both times."""
    counts, base = core.counts, baseline.counts.instructions.value
    own = counts.instructions.value
    spread = None if counts.spread is None else share(counts.spread)
    fewer = Cell(text="—", order=None, hint=counts.instructions.reason or baseline.counts.instructions.reason)
    if own and base:
        fewer = Cell(text=f"{number(base / own)}×", order=base / own)
    forced = [_figure(counts.time, MICRO), _comparison(core, counts.speedup)] if counts.timed_path else []
    return {
        "title": core.title,
        "cells": [
            counted(counts),
            fewer,
            Cell(text=spread or "—", order=counts.spread),
            _figure(core.time, MICRO),
            _comparison(core, core.speedup),
            *(forced or [Cell(text="", order=None)] * 2),
        ],
    }


def alone(core: Core) -> tuple[Cell, Cell]:
    """The cells of a core without a server: its time per document in microseconds, and its speed-up."""
    return _figure(core.time, MICRO), _comparison(core, core.speedup)


def _comparison(core: Core, comparison: Comparison, over: str | None = None) -> Cell:
    ratio = comparison.ratio
    if ratio is None:
        return Cell(text="—", order=None, hint=comparison.reason)
    if core.baseline:
        return Cell(text="1×", order=1.0, hint="the baseline")
    return versus(comparison, ratio, over if comparison.significant else _detectable(comparison))


def versus(found: Comparison, ratio: Ratio, hint: str | None) -> Cell:
    """The cell of a known ratio."""
    return Cell(
        text=estimate(found), detail=interval(ratio), order=ratio.estimate, hint=hint, significant=found.significant
    )


def _detectable(comparison: Comparison) -> str:
    said = "equal within 5 %" if comparison.equal else "no significant difference"
    if comparison.smallest is None:
        return said
    return f"{said}, smallest detectable difference (80 % power): {share(comparison.smallest)}"


def _start(row: Row) -> Cell:
    median, late = row.start, row.start_p95
    if median.value is None:
        return _figure(median, 1.0)
    return Cell(text=scaled(median, 1.0), detail=f"p95 {scaled(late, 1.0)}", order=median.value)


def _size(row: Row) -> Cell:
    if row.compressed.value is None:
        return _figure(row.compressed, MEGA)
    hint = f"{scaled(row.unpacked, MEGA)} MB unpacked"
    return Cell(text=scaled(row.compressed, MEGA), order=row.compressed.value, hint=hint)


_CORE = [
    Column(
        heading="Variant",
        unit="",
        about="Core, compiler and interpreter",
        cell=lambda row: Cell(text=row.stack.variant, order=row.stack.variant, hint=row.core.title),
        of_core=True,
    ),
    Column(
        heading="Server",
        unit="",
        about="Server and worker class, one worker",
        cell=lambda row: Cell(text=row.place, order=row.place, hint=row.server),
        of_core=True,
    ),
    Column(
        heading="Core alone",
        part="micro",
        unit="µs",
        about="Time of the transform for one document in the steady state, without a server",
        cell=lambda row: _figure(row.core.time, MICRO),
        brief="core\nµs",
        of_core=True,
    ),
    Column(
        heading="Speed-up",
        unit="core alone",
        part="micro",
        about="The baseline's time divided by this one's, with its 95 % interval",
        cell=lambda row: _comparison(row.core, row.core.speedup),
        brief="speed-up\n",
        of_core=True,
    ),
    Column(
        heading="Instructions",
        part="instructions",
        unit="thousand",
        about="Instructions of the transform for one document, counted by callgrind, without noise",
        cell=lambda row: counted(row.core.counts),
        brief="instr.\n10³",
        of_core=True,
    ),
]
_BUILT = Column(
    heading="Built",
    unit="",
    about="Known facts of the interpreter's build",
    cell=lambda row: Cell(text=how(row.core.facts), order=how(row.core.facts)),
    of_core=True,
)
_STACK = [
    Column(
        heading="Server CPU",
        unit="µs/request",
        about="CPU time of the whole server under the closed load, divided by its requests",
        cell=lambda row: _figure(row.cpu, MICRO),
        brief="CPU\nµs",
    ),
    Column(
        heading="Speed-up",
        unit="server CPU",
        about="The baseline's server CPU per request divided by this one's, behind the same server",
        cell=lambda row: _comparison(row.core, row.speedup, PEER if row.stack.is_peer else None),
        brief="speed-up\nby CPU",
    ),
    Column(
        heading="Capacity",
        unit="requests/s",
        about="Right answers per second under the closed load, absent where the generator was the limit",
        cell=lambda row: _figure(row.capacity, 1.0),
        brief="capacity\n1/s",
    ),
    Column(
        heading="Memory",
        unit="MB",
        about="Memory of the whole server under load (PSS: shared pages counted once)",
        cell=lambda row: _figure(row.memory, MEGA),
        brief="memory\nMB",
    ),
    Column(
        heading="Start-up",
        part="startup",
        unit="s",
        about="From the spawn of the server to its first right answer: median and 95th percentile",
        cell=_start,
    ),
    Column(
        heading="Size",
        part="sizes",
        unit="MB packed",
        about="All files that the stack needs on a bare image, stripped and compressed",
        cell=_size,
        brief="size\nMB",
    ),
    Column(
        heading="CPU cost",
        unit="h/million",
        about="Hours of one core for a million requests",
        cell=lambda row: _figure(row.cost.cpu_hours, 1.0),
    ),
    Column(
        heading="Memory cost",
        unit="GB·h/million",
        about="Gigabyte hours of memory that a busy worker holds while it answers a million requests",
        cell=lambda row: _figure(row.cost.gb_hours, 1.0),
    ),
]
_BACKEND = Column(
    heading="Backend CPU",
    unit="µs/request",
    about="CPU time of the database or broker behind the server, on other cores, divided by the requests",
    cell=lambda row: _figure(row.backend, MICRO),
)
_WARMED = Column(
    heading="Until steady",
    unit="s of load",
    about="Seconds of load until the CPU time per request of a fresh server, second by second, was steady",
    cell=lambda row: _figure(row.warmed, 1.0),
    brief="steady\ns",
)
_MONEY = Column(
    heading="Money",
    unit="per million",
    about="The price of CPU cost and memory cost together",
    cell=lambda row: _figure(row.cost.money, 1.0),
    brief="money\n/10⁶",
)

"""The data of a plot as CSV: the records that the chart draws, so that both always agree."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from bench.report.drawing import Chart

DRAWN = {"hint", "colour", "at", "line", "one"}  # of a record: only for the drawing
DOT = {"row": "name", "lane": "lane", "at": "value", "low": "low", "high": "high", "told": "shown as"}  # of `dots`
PARTS = ("layer", "hconcat", "vconcat")
DIGITS = 6

Record = dict[str, Any]


def plot_csv(chart: Chart) -> str:
    """The records of all panels, one a line. A panel with a title has it in the first column."""
    return table(records(chart))


def records(chart: Chart) -> list[Record]:
    """The records of all marks with a figure, each once. Keys to colours, reference lines and bands are left out."""
    drawn = chart.to_dict()
    found: list[Record] = []
    for title, values in _sheets(drawn, drawn.get("datasets", {}), ""):
        kept = [({"panel": title} if title else {}) | _figures(record) for record in values]
        found += [record for record in kept if _has_figure(record) and record not in found]
    return found


def table(rows: Iterable[Record]) -> str:
    """Records as CSV, columns of text first. Floats have `DIGITS` significant digits."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    names.sort(key=lambda name: not any(isinstance(row.get(name), str) for row in rows))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _sheets(node: Record, named: dict[str, list[Record]], title: str) -> Iterator[tuple[str, list[Record]]]:
    """The data of a chart and of its parts, each below the title nearest to it."""
    own = node.get("title") or title
    title = own if isinstance(own, str) else str(own.get("text", title))
    data = node.get("data", {})
    values = data.get("values") or named.get(data.get("name", ""), [])
    if values:
        yield title, values
    for part in (part for kind in PARTS for part in node.get(kind, ())):
        yield from _sheets(part, named, title)


def _figures(record: Record) -> Record:
    """A record without what only draws it. A hint stays where nothing else names the record."""
    if "row" in record:
        return {name: record[own] for own, name in DOT.items() if record.get(own, "") != ""}
    named = any(isinstance(value, str) for name, value in record.items() if name not in DRAWN)
    dropped = DRAWN if named else DRAWN - {"hint"}
    return {name: value for name, value in record.items() if name not in dropped}


def _has_figure(record: Record) -> bool:
    """Whether a record has a number, and a text that says what it is of."""
    figures = [value for value in record.values() if isinstance(value, int | float) and not isinstance(value, bool)]
    return bool(figures) and any(isinstance(value, str) for value in record.values())


def _short(value: Any) -> Any:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value

"""A table on a terminal that breaks no word and no interval, whatever the width: it leaves columns out instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from textwrap import fill

from rich.console import Console
from rich.text import Text

from bench.report.markdown import Table

LINE = 11  # characters of a line, where a cell is broken between words
NAME = 30  # of a name
GAP = 2  # characters between columns; 1 where room is short
LEAST = 2  # columns that are shown even beyond the width

Cells = list[Text]


class Grid:
    """Rows under headings; the first column holds names. A spanning line may stand between rows."""

    def __init__(self, *headings: str) -> None:
        self._rows: list[Cells | Text] = [[Text(heading, style="bold") for heading in ("", *headings)]]

    @classmethod
    def of(cls, table: Table) -> Grid:
        """The grid of a heading and rows. A comma of the heading breaks its line."""
        heading, *rows = table
        grid = cls(*(name.replace(", ", "\n") for name in heading[1:]))
        for row in rows:
            grid.row(*row)
        return grid

    def span(self, text: str, style: str = "bold") -> None:
        """Add a line across all columns."""
        self._rows.append(Text(text, style=style))

    def row(self, name: str, *cells: Text | str, style: str = "") -> None:
        """Add a row."""
        self._rows.append([each if isinstance(each, Text) else Text(each, style=style) for each in (name, *cells)])

    def print(self, console: Console) -> None:
        """Print it: as it is, else with cells broken between words, else with names broken, else with fewer columns."""
        rows, gap = self._rows, GAP
        for narrowed in (_words, _names):
            if _needed(rows, gap) <= console.width:
                break
            rows, gap = [row if isinstance(row, Text) else narrowed(row) for row in rows], 1
        shown = count = len(_grid(rows)[0])
        while shown > LEAST and _needed(rows, gap, shown) > console.width:
            shown -= 1
        for line in _lines(rows, gap, shown):
            console.print(line, overflow="fold", highlight=False)
        if shown < count:
            left_out = ", ".join(cell.plain.split("\n")[0] for cell in _grid(rows)[0][shown:])
            console.print(f"Not shown at this width: {left_out} (see the report)", style="dim", highlight=False)


def _grid(rows: list[Cells | Text]) -> list[Cells]:
    return [row for row in rows if isinstance(row, list)]


def _widths(rows: list[Cells | Text]) -> list[int]:
    return [
        max(line.cell_len for cell in cells for line in cell.split("\n")) for cells in zip(*_grid(rows), strict=True)
    ]


def _needed(rows: list[Cells | Text], gap: int, shown: int | None = None) -> int:
    """The width of the first `shown` columns."""
    widths = _widths(rows)[:shown]
    return sum(widths) + gap * (len(widths) - 1)


def _words(row: Cells) -> Cells:
    """The row with each cell but the name broken between words, which keeps an interval in one piece."""
    return [row[0], *(_broken(cell, lambda line: fill(line, LINE, break_long_words=False)) for cell in row[1:])]


def _names(row: Cells) -> Cells:
    """The row with its name broken after `@` and `/`, or between words."""
    return [_broken(row[0], _in_lines), *row[1:]]


def _in_lines(name: str) -> str:
    if " " in name.strip():
        return fill(name, NAME, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return name.replace("@", "@\n  ").replace("/", "/\n  ")


def _broken(cell: Text, change: Callable[[str], str]) -> Text:
    return Text("\n".join(map(change, cell.plain.split("\n"))), style=cell.style)


def _lines(rows: list[Cells | Text], gap: int, shown: int) -> Iterator[Text]:
    """The lines of the table, names on the left and other cells on the right of their columns."""
    widths = _widths(rows)[:shown]
    for row in rows:
        if isinstance(row, Text):
            yield row
            continue
        cells = [cell.split("\n", allow_blank=True) for cell in row[:shown]]
        for number in range(max(map(len, cells))):
            line = Text()
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                part = cell[number] if number < len(cell) else Text()
                room = " " * (width - part.cell_len)
                line.append_text(part + room if column == 0 else Text(" " * gap + room) + part)
            line.rstrip()
            yield line

"""Templates, and tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

FIGURE = re.compile(r"[-<≤]?\s?\d\S*( (%|[^\W\d]\S*))?( \(.*\))?( \*)?")  # a number, its unit, brackets, a star
WORDS = 2  # most words of a cell in a column of figures, such as `the best`
Table = Sequence[Sequence[str]]  # a heading and rows


def table(rows: Table, *, left: bool = False) -> str:
    """A heading and rows as a Markdown table; empty without any.

    Columns of figures are aligned to the right, unless all are to be on the `left`.
    """
    if not rows:
        return ""
    heading, *body = [[_cell(text) for text in row] for row in rows]
    figures = [not left and _is_of_figures([row[column] for row in body]) for column in range(len(heading))]
    lines = [heading, ["--:" if right else "---" for right in figures], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_of_figures(cells: Sequence[str]) -> bool:
    others = [cell for cell in cells if cell.strip("—") and not FIGURE.fullmatch(cell)]
    words = all(len(cell.split()) <= WORDS and not re.search(r"\d", cell) for cell in others)
    return words and any(FIGURE.fullmatch(cell) for cell in cells)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def templates() -> Environment:
    """The templates of reports (HTML, escaped) and of pages (Markdown). An unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **kept: Any) -> str:
    """A template rendered with the values in `kept`. Runs of empty lines become one."""
    environment = templates()
    environment.globals["table"] = table
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(name).render(**kept).rstrip()) + "\n"

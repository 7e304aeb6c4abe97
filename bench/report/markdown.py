"""Tables and templates as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bench.report.page import templates

FIGURES = {*"0123456789<≤"}  # first characters of a figure
Grid = Sequence[Sequence[str]]  # a heading and rows


def table(grid: Grid) -> str:
    """A heading and rows as a Markdown table. Columns with figures are aligned to the right."""
    heading, *rows = [[_cell(text) for text in row] for row in grid]
    figures = [any(row[column][:1] in FIGURES for row in rows if row[column]) for column in range(len(heading))]
    lines = [heading, ["--:" if right else "---" for right in figures], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def render(name: str, **kept: Any) -> str:
    """A template rendered with the values in `kept`. Runs of empty lines become one."""
    environment = templates()
    environment.globals["table"] = table
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(name).render(**kept).rstrip()) + "\n"

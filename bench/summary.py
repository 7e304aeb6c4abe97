"""What ends a run on a terminal: the main table, what is missing and why, and the answer."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.answer import answer, noise
from bench.finding import Finding
from bench.model import Stack
from bench.table import Cell, columns

WIDE = 100


def show(finding: Finding, console: Console) -> None:
    """Print the main table by server, holes and failures with their reasons, the answer and the noise floor."""
    gap = " " if console.width >= WIDE else "\n"
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    chosen = {column.brief: column for column in columns(finding) if column.brief}
    for heading in chosen:
        table.add_column(heading, justify="right", overflow="fold")
    for server in finding.study.servers:
        table.add_row(Text(server, style="bold"))
        for row in (row for row in finding.rows if row.stack.server == server):
            table.add_row(
                f" {_name(row.stack, finding)}", *(_text(column.cell(row), gap) for column in chosen.values())
            )
    console.print(table)
    for row in (row for row in finding.rows if row.verdict != "pass"):
        _say(console, f"{row.verdict}: {row.stack}: {row.reason}", "yellow")
    _say(console, f"\n{finding.study.question}", "bold")
    _say(console, " ".join(answer(finding)))
    _say(console, noise(finding))


def _name(stack: Stack, finding: Finding) -> str:
    return stack.variant if len(finding.study.frameworks) == 1 else f"{stack.variant}/{stack.framework}"


def _text(cell: Cell, gap: str) -> Text:
    """A figure within the noise is dim; in a narrow table an interval stands below its estimate."""
    detail = f"{gap}({cell.detail})" if cell.detail else ""
    return Text(cell.text.replace("-", f"-{gap.strip(' ')}") + detail, style="" if cell.claimed else "dim")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False)

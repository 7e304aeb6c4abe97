"""How the stacks in Python stand against a study's peers, in sentences made of the figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds
from bench.report.rows import Finding, Row


def against(finding: Finding) -> Iterator[str]:
    """Of one workload, each peer against the best stack in Python and against the plain reference on each interpreter.

    A compiled core that wins is no win of the language: what the same source does uncompiled is told beside it.
    """
    measured = [row for row in finding.rows if row.cpu.value is not None]  # the cheapest first
    own = [row for row in measured if not row.stack.is_peer]
    plain: dict[str, Row] = {}
    for row in own:
        if row.core.plain:
            plain.setdefault(row.core.title, row)
    for peer in (row for row in measured if row.stack.is_peer):
        if own:
            told = [f"{_fold(row, peer)} that on {title}" for title, row in plain.items()]
            beside = f"; the plain reference takes {listed(told)}" if told else ""
            best = f"{_fold(peer, own[0])} the best in Python, {own[0].stack}"
            yield f"{peer.core.title} takes {seconds(peer.cpu.value or 0.0)} a request, {best}{beside}."


def _fold(more: Row, less: Row) -> str:
    return f"{number((more.cpu.value or 0.0) / (less.cpu.value or 1.0))}×"

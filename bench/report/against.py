"""How the stacks in Python stand against a study's peers, in sentences made of the figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds
from bench.report.claims import differ
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
            told = [f"{_times(finding, row, peer, 'that')} on {title}" for title, row in plain.items()]
            beside = f"; the plain reference takes {listed(told)}" if told else ""
            best = _times(finding, peer, own[0], f"the best in Python, {own[0].stack}")
            yield f"{peer.core.title} takes {seconds(peer.cpu.value or 0.0)} a request, {best}{beside}."


def _times(finding: Finding, row: Row, other: Row, what: str) -> str:
    """How many times `what` a stack takes, unless the finding does not tell the two apart."""
    if differ(finding, row, other) is False:
        return f"not significantly more or less than {what}"
    return f"{number((row.cpu.value or 0.0) / (other.cpu.value or 1.0))}× {what}"

"""A study's peers against its stacks in Python, in sentences made from the figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds
from bench.report.claims import differ
from bench.report.rows import Finding, Row

SAME = "no significant difference"


def sentences(finding: Finding) -> Iterator[str]:
    """For one workload, each peer against the best stack in Python and the reference core on each interpreter.

    A compiled core that wins is no win of the language, so the uncompiled reference core stands beside it.
    """
    measured = [row for row in finding.rows if row.cpu.value is not None]  # the cheapest first
    own = [row for row in measured if not row.stack.is_peer]
    plain: dict[str, Row] = {}
    for row in own:
        if row.core.plain:
            plain.setdefault(row.core.title, row)
    for peer in (row for row in measured if row.stack.is_peer):
        if own:
            told = [f"{_fold(finding, row, peer)} on {title}" for title, row in plain.items()]
            beside = f" The reference core, relative to this peer: {listed(told)}." if told else ""
            fold = _fold(finding, peer, own[0])
            best = f"{fold if fold != SAME else f'{SAME} from'} the best in Python ({own[0].stack})"
            spent = seconds(peer.cpu.value or 0.0)
            yield f"{peer.core.title}: {spent} of server CPU per request, {best}.{beside}"


def _fold(finding: Finding, row: Row, other: Row) -> str:
    """How many times the server CPU of `other` a stack takes, unless the two do not differ significantly."""
    if differ(finding, row, other) is False:
        return SAME
    return f"{number((row.cpu.value or 0.0) / (other.cpu.value or 1.0))}×"

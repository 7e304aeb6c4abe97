"""The answers of a study with peers: the best stack in Python against other languages and against the plain source."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, times
from bench.report import naming
from bench.report.ranking import Ranked
from bench.report.rows import Finding
from bench.report.wording import fitting

PARTS = {"memory": "the memory", "compressed": "the size", "start": "the time to start"}


def answer(finding: Finding) -> str:
    """The best stack in Python for a workload, and what the peers and the plain source cost beside it.

    A compiled core that wins is no win of the language, so the uncompiled reference core stands beside it.
    """
    lead = f"{naming.work(finding)}: "
    own = [each for each in finding.ranking if not each.stack.is_peer]
    peers = [each for each in finding.ranking if each.stack.is_peer]
    if not own or not peers:
        return fitting(f"{lead}no {'peer' if own else 'stack in Python'} has a figure")
    best, *_ = finding.ranking
    if not best.stack.is_peer:
        return fitting(f"{lead}{_best(finding, best)}", _costs(finding, peers))
    name = naming.stack(finding, best.stack)
    if not own[0].behind.significant:
        return fitting(f"{lead}{name} or {_best(finding, own[0])} (no significant difference)")
    cost = f"the best in Python, {_best(finding, own[0])}, costs {_times(own[0])}"
    return fitting(f"{lead}{name}", [cost])


def beside(finding: Finding) -> str | None:
    """What the cheapest peer takes of memory, size and start, relative to the best stack in Python; None if unknown.

    Of a stack without measured starts or sizes, those of its core behind another server count.
    """
    own = [row for row in finding.rows if row.cpu.value is not None and not row.stack.is_peer]
    peer = next((row for row in finding.rows if row.cpu.value is not None and row.stack.is_peer), None)
    if not own or peer is None:
        return None
    told = []
    for part, what in PARTS.items():
        theirs = getattr(peer, part).value
        ours = next((value for row in own if row.core is own[0].core and (value := getattr(row, part).value)), None)
        if theirs and ours:
            told.append(f"{number(theirs / ours)}× {what}")
    if not told:
        return None
    return fitting(f"Beside the best in Python, {naming.stack(finding, peer.stack)} takes {listed(told)}")


def _best(finding: Finding, best: Ranked) -> str:
    """The best stack; `any core` where none of the others on its server is worse."""
    place = best.stack.framework, best.stack.server
    there = [each for each in finding.ranking if (each.stack.framework, each.stack.server) == place]
    if best.behind.ratio is None and len(there) > 1 and not any(each.behind.significant for each in there):
        return f"any core on {naming.advised(finding, best.stack)}"
    return naming.stack(finding, best.stack)


def _plain(finding: Finding) -> list[Ranked]:
    """The stacks of the reference core, the best first."""
    plain = {core.variant for core in finding.cores if core.plain}
    return [each for each in finding.ranking if each.stack.variant in plain]


def _costs(finding: Finding, peers: list[Ranked]) -> Iterator[str]:
    """The best peer of each kind, then the plain source."""
    first: dict[str, Ranked] = {}
    for each in peers:
        first.setdefault(finding.catalog.peers[each.stack.variant].kind, each)
    shown = [*list(first.values())[:2], *_plain(finding)[:1]]
    costs = " costs"
    for each in shown:
        name = naming.core(finding, naming.core_of(finding, each.stack))
        name = name if each.stack.is_peer else f"plain {name}"
        if each.behind.significant:
            yield f"{name}{costs} {_times(each)}"
            costs = ""
        elif each.behind.equal:
            yield f"{name} costs as much"


def _times(each: Ranked) -> str:
    return times(each.behind.ratio) if each.behind.ratio else "—"

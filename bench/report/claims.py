"""Whether two stacks differ: one rule for every sentence about a pair, so that no two sentences disagree."""

from __future__ import annotations

from bench.report.rows import Finding, Row


def differ(finding: Finding, one: Row, other: Row) -> bool | None:
    """Whether server CPU per request of two stacks differs significantly; None if no comparison is of this pair.

    A pair with the baseline is judged by the speed-up that the tables show. Then come the ranking, which compares with
    the best, and the comparison of the two cheapest stacks.
    """
    for base, row in ((one, other), (other, one)):
        if base.core.baseline and base.place == (finding.places[0] if row.stack.is_peer else row.place):
            return row.speedup.significant if row.speedup.ratio else None
    pair = {one.stack, other.stack}
    if finding.ranks_stacks and finding.ranking and finding.ranking[0].stack in pair:
        return next((each.behind.significant for each in finding.ranking[1:] if each.stack in pair), None)
    if finding.cheapest.ratio and pair == {row.stack for row in finding.rows[:2]}:
        return finding.cheapest.significant
    return None

"""The answer to a study's question, in two sentences made of its figures; no difference within the noise is told."""

from __future__ import annotations

from bench.report.rows import Core, Finding, Row
from bench.report.wording import interval, listed, seconds, share, times
from bench.stats import Ratio


def answer(finding: Finding) -> tuple[str, str]:
    """Which core wins by how much, and what of that is left behind each server."""
    first = _cores(finding)
    if finding.study.first_look:
        first = f"A first look: {first[0].lower()}{first[1:]}"
    return first, _servers(finding)


def _cores(finding: Finding) -> str:
    best, base = finding.cores[0], finding.baseline
    if finding.study.micro is None:
        return "Cores alone are not part of this study."
    if base.time.value is None:
        return f"The baseline, {base.title}, has no figure ({base.time.reason}), so nothing can be compared."
    if best.baseline or not best.speedup.claimed or best.speedup.ratio is None:
        return f"No variant is faster than {base.title} by more than {_floor(finding)}."
    lead = f"The fastest core is {best.title}"
    if finding.lead.ratio and not finding.lead.claimed:
        lead = f"The fastest cores, too close to tell apart, are {best.title} and {finding.cores[1].title}"
    return f"{lead}, at {_ratio(best.speedup.ratio)} the speed of {base.title}{_untouched(best, finding)}."


def _untouched(best: Core, finding: Finding) -> str:
    """The best that the source gets without a rewrite, where the winner is one."""
    others = [core for core in finding.cores if not core.rewritten and not core.baseline and core.speedup.ratio]
    if not best.rewritten or not others:
        return ""
    runner = others[0]
    if not runner.speedup.claimed or runner.speedup.ratio is None or runner.speedup.ratio.estimate < 1:
        return f"; without a rewrite nothing gains more than {_floor(finding)}"
    return f"; without a rewrite it is {runner.title}, at {_ratio(runner.speedup.ratio)}"


def _servers(finding: Finding) -> str:
    winner = finding.cores[0]
    measured = [row for row in finding.rows if row.cpu.value is not None]
    if not measured:
        return "Behind a server nothing was measured."
    cheapest = f"{measured[0].stack} spends the least"
    if finding.cheapest.ratio and not finding.cheapest.claimed:
        cheapest = f"{measured[0].stack} and {measured[1].stack} spend the least, too close to tell apart"
    cheapest = f"{cheapest}: {seconds(measured[0].cpu.value or 0.0)} a request"
    left = [_left(row, finding) for row in measured if row.core is winner]
    if not winner.speedup.claimed or not left:
        return f"In server CPU time, {cheapest}."
    return f"In server CPU time per request, {listed(left)} is left of that; {cheapest}."


def _left(row: Row, finding: Finding) -> str:
    where = f"behind {row.place}"
    if row.speedup.ratio is None:
        return f"an unknown part {where} ({row.speedup.reason})"
    if not row.speedup.claimed:
        return f"nothing beyond {_named(finding.floor_served)} {where}"
    return f"{_ratio(row.speedup.ratio)} {where}"


def _ratio(ratio: Ratio) -> str:
    return f"{times(ratio)} ({interval(ratio)})"


def _floor(finding: Finding) -> str:
    return _named(finding.floor)


def _named(floor: float | None) -> str:
    return "an unknown noise" if floor is None else f"the noise floor of {share(floor)}"

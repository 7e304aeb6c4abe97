"""The answer of a study of a user's application, on three cards: what to change, latency, memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from bench.analysis.comparison import Comparison, as_a_family
from bench.analysis.text import interval, listed, number, seconds, times
from bench.model import Stack
from bench.report import naming
from bench.report.estimates import Figure
from bench.report.evidence import Evidence, first_stack
from bench.report.latencies import Latencies
from bench.report.rows import Change, Finding, Row, closed_load
from bench.report.wording import MEGA, MICRO

DEBUG = "debug mode is on, so these are not the figures of production: switch it off, for Django by DEBUG = False"


class Card(msgspec.Struct, frozen=True):
    """A title, the answer in a sentence, its details, and what the page folds (`more`)."""

    title: str
    lead: str
    details: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def changes(evidence: Evidence, stacks: Sequence[Stack]) -> tuple[Change, ...]:
    """Server CPU per request of the present stack ÷ that of each other: one family of comparisons, the best first."""
    load, own = closed_load(evidence.study, evidence.workload), first_stack(evidence.study)
    others = [stack for stack in stacks if stack != own]
    held = as_a_family([evidence.speedup("macro", stack, "cpu", load, over=own) for stack in others])
    found = [Change(stack=stack, gain=gain) for stack, gain in zip(others, held, strict=True)]
    return tuple(sorted(found, key=lambda each: -(each.gain.ratio.estimate if each.gain.ratio else 0.0)))


def cards(finding: Finding) -> tuple[Card, ...]:
    """The three cards; none for a study that measures no application."""
    if not finding.is_of_an_application:
        return ()
    rows = {row.stack: row for row in finding.rows}
    change = _change(finding, rows)
    if any(each.application and each.application.debug for each in finding.catalog.variants.values()):
        change = msgspec.structs.replace(change, details=(DEBUG, *change.details))
    return change, _latency(finding), _memory(finding, rows)


def _change(finding: Finding, rows: dict[Stack, Row]) -> Card:
    own = first_stack(finding.study)
    if len(naming.versions(finding.study)) > 1:
        return _versions_compared(finding, rows)
    title = "What to change today"
    if rows[own].cpu.value is None:
        return Card(title, f"{naming.named(finding, own)} has no figure: {_first_line(rows[own].cpu)}")
    better = [each for each in finding.changes if _is_better(each.gain)] if _is_beaten(own, finding) else []
    if not better:
        reason = "no other stack is significantly cheaper" if finding.changes else "no other stack was measured"
        lead = f"Keep {naming.named(finding, own)}: {reason}."
        details = [f"server CPU per request: {_cpu(own, finding)}"]
    else:
        best, new, old = better[0], naming.stack(finding, better[0].stack), naming.named(finding, own)
        lead = f"{new} serves {_gain(best.gain)} the requests of {old} per second of server CPU."
        details = [f"server CPU per request: {_cpu(best.stack, finding)} instead of {_cpu(own, finding)}"]
    worse = [each for each in finding.changes if _is_worse(each.gain)]
    for lead_in, group in (("also cheaper", better[1:]), ("more expensive", worse)):
        if group:
            told = [f"{naming.named(finding, each.stack)} {_gain(each.gain)}" for each in group]
            details.append(f"{lead_in}: {listed(told)}")
    open_ = [each for each in finding.changes if each.gain.undecided or (_is_better(each.gain) and each not in better)]
    undecided = [naming.named(finding, each.stack) for each in open_]
    if undecided:
        details.append(f"undecided: {listed(undecided)}")
    return Card(title, lead, tuple(details))


def _versions_compared(finding: Finding, rows: dict[Stack, Row]) -> Card:
    """Whether another version of the service is slower than the baseline; a version without figures says why."""
    own = first_stack(finding.study)
    lines = [_compared(each, own, finding) for each in finding.changes if rows[each.stack].cpu.value is not None]
    failed = [row for row in rows.values() if row.cpu.value is None]
    lines += [f"{naming.named(finding, row.stack)} has no figure: {_first_line(row.cpu)}" for row in failed]
    spent = [
        f"{naming.named(finding, row.stack)}: {_cpu(row.stack, finding)} of server CPU per request"
        for row in rows.values()
        if row not in failed
    ]
    lead, *rest = lines or ["No other version was measured."]
    return Card("Is it slower?", lead, (*rest, *spent))


def _compared(change: Change, own: Stack, finding: Finding) -> str:
    verdict = "undecided"
    if change.gain.significant:
        verdict = "slower" if _is_worse(change.gain) else "faster"
    elif change.gain.equal:
        verdict = "equally fast within 5 %"
    new, old = naming.named(finding, change.stack), naming.named(finding, own)
    return f"{new} is {verdict}: {_gain(change.gain)} the requests of {old} per second of server CPU."


def _latency(finding: Finding) -> Card:
    common = [each for each in finding.latencies if each.is_common]
    title = "Latency"
    own = next((each for each in common if each.stack == first_stack(finding.study)), None)
    if own is None:
        return Card(title, "Latency was not measured.")
    title = f"Latency at {number(own.rate)} requests per second"
    lead = f"{naming.named(finding, own.stack)}: {_percentiles(own)}."
    rest = tuple(f"{naming.named(finding, each.stack)}: {_percentiles(each)}" for each in common if each is not own)
    return Card(title, lead, rest)


def _memory(finding: Finding, rows: dict[Stack, Row]) -> Card:
    own = first_stack(finding.study)
    held = sorted((row for row in finding.rows if row.memory.value is not None), key=lambda row: row.memory.value or 0)
    title = "Memory under load"
    if rows[own].memory.value is None:
        return Card(title, f"{naming.named(finding, own)} has no figure: {_first_line(rows[own].memory)}")
    lead = f"{naming.named(finding, own)}: {_mega(rows[own].memory)}."
    others = (row for row in held if row.stack != own)
    return Card(title, lead, tuple(f"{naming.named(finding, row.stack)}: {_mega(row.memory)}" for row in others))


def _first_line(figure: Figure) -> str:
    """The reason for a missing figure, without the lines of a difference between answers."""
    return re.split(r"\s+--- expected", figure.reason or "not measured")[0]


def _is_beaten(own: Stack, finding: Finding) -> bool:
    """Whether the ranking calls the present stack worse than the best one: card and ranking must agree."""
    return any(each.behind.significant for each in finding.ranking if each.stack == own)


def _is_better(gain: Comparison) -> bool:
    return gain.significant and gain.ratio is not None and gain.ratio.estimate > 1


def _is_worse(gain: Comparison) -> bool:
    return gain.significant and gain.ratio is not None and gain.ratio.estimate < 1


def _gain(gain: Comparison) -> str:
    return f"{times(gain.ratio)} ({interval(gain.ratio)})" if gain.ratio else "—"


def _cpu(stack: Stack, finding: Finding) -> str:
    """The server CPU per request of a stack, as the ranking shows it."""
    return next((seconds(each.figures.cpu.value or 0.0) for each in finding.ranking if each.stack == stack), "—")


def _mega(figure: Figure) -> str:
    return f"{number((figure.value or 0.0) / MEGA)} MB"


def _percentiles(each: Latencies) -> str:
    """The median and the higher of p99 and p90 that has a figure; without the median, the reason."""
    known = {name: percentile.figure for name, percentile in each.percentiles.items()}
    if known["p50"].value is None:
        return f"no figure ({_first_line(known['p50'])})"
    told = [f"p50 {_micro(known['p50'].value)}"]
    high = next((name for name in ("p99", "p90") if known[name].value is not None), None)
    if high:
        told.append(f"{high} {_micro(known[high].value or 0.0)}")
    return ", ".join(told)


def _micro(latency: float) -> str:
    return f"{number(latency / MICRO)} µs"

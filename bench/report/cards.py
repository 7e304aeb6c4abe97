"""The answer for an application of one's own, on three cards: what to change today, latency, memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from bench.analysis.comparison import Comparison, as_a_family
from bench.analysis.text import interval, listed, number, seconds, times
from bench.model import Stack, Study
from bench.report.estimates import Figure
from bench.report.evidence import Evidence
from bench.report.latencies import MICRO, Latencies
from bench.report.rows import Change, Finding, Row, closed_load

MEGA = 1e6


class Card(msgspec.Struct, frozen=True):
    """A title, the sentence that answers, and what it rests on."""

    title: str
    lead: str
    rest: tuple[str, ...] = ()


def today(study: Study) -> Stack:
    """What the application runs on before anything is changed: the baseline behind the study's first server."""
    return Stack(variant=study.baseline, framework=study.frameworks[0], server=study.servers[0])


def changes(evidence: Evidence, stacks: Sequence[Stack]) -> tuple[Change, ...]:
    """What each other stack spends of server CPU, over today's: one family of comparisons, the cheapest stack first."""
    load, own = closed_load(evidence.study, evidence.workload), today(evidence.study)
    others = [stack for stack in stacks if stack != own]
    held = as_a_family([evidence.speedup("macro", stack, "cpu", load, over=own) for stack in others])
    found = [Change(stack=stack, gain=gain) for stack, gain in zip(others, held, strict=True)]
    return tuple(sorted(found, key=lambda each: -(each.gain.ratio.estimate if each.gain.ratio else 0.0)))


def cards(finding: Finding) -> tuple[Card, ...]:
    """The three cards; what is undecided is called so."""
    rows = {row.stack: row for row in finding.rows}
    return _change(finding, rows), _latency(finding), _memory(finding, rows)


def _change(finding: Finding, rows: dict[Stack, Row]) -> Card:
    own = today(finding.study)
    title = "What to change today"
    if rows[own].cpu.value is None:
        return Card(title, f"{_named(own, finding)} has no figure: {_first_line(rows[own].cpu)}")
    better = [each for each in finding.changes if _is_better(each.gain)]
    spent = f"{_cpu(rows[own])} of server CPU a request today"
    if not better:
        return Card(title, f"Stay with {_named(own, finding)}: nothing else is significantly cheaper.", (spent,))
    best, *others = better
    lead = f"{_named(best.stack, finding)} instead of {_named(own, finding)}: {_gain(best.gain)} less server CPU."
    rest = [f"{_cpu(rows[best.stack])} of server CPU a request instead of {_cpu(rows[own])}"]
    rest += [
        f"also cheaper: {listed([f'{_named(each.stack, finding)} {_gain(each.gain)}' for each in others])}"
    ] * bool(others)
    return Card(title, lead, (*rest, *_undecided(finding)))


def _undecided(finding: Finding) -> Iterator[str]:
    names = [_named(each.stack, finding) for each in finding.changes if each.gain.undecided]
    if names:
        yield f"undecided: {listed(names)}"


def _latency(finding: Finding) -> Card:
    common = [each for each in finding.latencies if each.is_common]
    title = "Latency"
    own = next((each for each in common if each.stack == today(finding.study)), None)
    if own is None:
        return Card(title, "Latency was not measured.")
    title = f"Latency at {number(own.rate)} requests a second"
    lead = f"{_named(own.stack, finding)}: {_percentiles(own)}."
    rest = tuple(f"{_named(each.stack, finding)}: {_percentiles(each)}" for each in common if each is not own)
    return Card(title, lead, rest)


def _memory(finding: Finding, rows: dict[Stack, Row]) -> Card:
    own = today(finding.study)
    held = sorted((row for row in finding.rows if row.memory.value is not None), key=lambda row: row.memory.value or 0)
    title = "Memory under load"
    if rows[own].memory.value is None:
        return Card(title, f"{_named(own, finding)} has no figure: {_first_line(rows[own].memory)}")
    lead = f"{_named(own, finding)}: {_mega(rows[own].memory)}."
    return Card(
        title, lead, tuple(f"{_named(row.stack, finding)}: {_mega(row.memory)}" for row in held if row.stack != own)
    )


def _first_line(figure: Figure) -> str:
    """Why there is no figure; the difference that shows a wrong answer stands elsewhere."""
    return re.split(r"\s+--- expected", figure.reason or "not measured")[0]


def _is_better(gain: Comparison) -> bool:
    return gain.significant and gain.ratio is not None and gain.ratio.estimate > 1


def _gain(gain: Comparison) -> str:
    return f"{times(gain.ratio)} ({interval(gain.ratio)})" if gain.ratio else "—"


def _cpu(row: Row) -> str:
    return seconds(row.cpu.value or 0.0)


def _mega(figure: Figure) -> str:
    return f"{number((figure.value or 0.0) / MEGA)} MB"


def _percentiles(each: Latencies) -> str:
    known = {name: each.percentiles[name].figure for name in ("p50", "p99")}
    told = [
        f"{name} {number(figure.value / MICRO)} µs" if figure.value is not None else f"{name} — ({_first_line(figure)})"
        for name, figure in known.items()
    ]
    return ", ".join(told)


def _named(stack: Stack, finding: Finding) -> str:
    """The server, and the interpreter where several were measured."""
    interpreter = finding.catalog.interpreter_of(stack.variant).title
    return stack.server if len(finding.study.variants) == 1 else f"{stack.server} on {interpreter}"

"""What whole stacks take beside other languages: README's second part."""

from __future__ import annotations

import math
from collections.abc import Container

from bench.analysis.text import listed, number, seconds
from bench.report import naming
from bench.report.changes import peers
from bench.report.estimates import Figure
from bench.report.markdown import table
from bench.report.rows import Finding, Row
from bench.report.wording import MEGA, MICRO, NO_FRAMEWORK, scaled

CORE_HOUR = 0.04  # dollars
AGREE = 2.0
BILLION = 1000  # of the millions of requests that costs are of
CAPTION = (
    "What whole stacks take for such a request: server CPU, and what it costs for a billion requests at an "
    f"assumed ${CORE_HOUR:g} an hour of a core that is always busy; memory of all processes under load; the time from "
    "start to first answer, of a core in Python on uWSGI without a framework; the files of a bare "
    "image, stripped and gzipped. Compare within a table: each has sessions, and perhaps a machine, of its own."
)
HEADING = ("stack", "CPU, µs", "times as fast", "$ per billion", "memory, MB", "start, s", "size, MB")


def rows_of(finding: Finding) -> dict[str, Row]:
    """The cheapest stack of each core, by variant; of peers the cheapest and the ordinary one.

    A stack that needs a proxy, and was measured without one, counts only if its core has no other stack.
    """
    own = [row for row in finding.rows if not row.stack.is_peer]
    rows: dict[str, Row] = {}
    for row in (*sorted(own, key=lambda row: naming.needs_proxy(finding, row.stack)), *peers(finding)):
        if row.cpu.value and row.compressed.value:
            rows.setdefault(row.stack.variant, row)
    return rows


def stacks(finding: Finding) -> tuple[str, str, str]:
    """The title, the table and the latencies of a study with peers; the least CPU first."""
    rows = sorted(rows_of(finding).values(), key=lambda row: row.cpu.value or 0.0)
    plain = next((row for row in rows if row.core.baseline), None)
    cells = [
        [
            naming.stack(finding, row.stack),
            scaled(row.cpu, MICRO),
            ("1×" if row is plain else ratio(plain, row)) if plain else "—",
            scaled(row.cost.cpu_hours, 1 / (BILLION * CORE_HOUR)),
            scaled(row.memory, MEGA),
            scaled(_start(finding, row), 1.0),
            scaled(row.compressed, MEGA),
        ]
        for row in rows
    ]
    without = " without a framework" if NO_FRAMEWORK.issuperset(finding.study.frameworks) else ""
    title = (
        f"**[{finding.study.title}](docs/findings/{finding.study.name}.md)**, beside {finding.baseline.title}{without}:"
    )
    return title, table([list(HEADING), *cells]), _latencies(finding, {row.stack.variant for row in rows})


def _start(finding: Finding, row: Row) -> Figure:
    """The start of a stack; where it was not measured, that of its core on the study's server for starts."""
    same = (other.start for other in finding.rows if other.core.variant == row.core.variant and other.start.value)
    return row.start if row.start.value else next(same, row.start)


def beside(finding: Finding) -> str:
    """What the plain source and rewritten cores take of CPU, memory and start beside the ordinary peer; or empty."""
    rows = [row for row in rows_of(finding).values() if row.cpu.value]
    known = [row for row in rows if row.stack.is_peer and finding.catalog.peers[row.stack.variant].kind == "ordinary"]
    plain = next((row for row in rows if row.core.baseline), None)
    if not known or plain is None:
        return ""
    ordinary, cores = known[0], [row for row in rows if row.core.rewritten and not row.stack.is_peer]
    told = [f"{naming.core(finding, row.core)} {ratio(row, ordinary)}" for row in reversed(cores)]
    peer = f"{naming.core(finding, ordinary.core)} ({scaled(ordinary.cpu, MICRO)} µs a request, {_held(ordinary)})"
    own = f"{naming.stack(finding, plain.stack)} takes {ratio(plain, ordinary)} the CPU ({_held(plain)})"
    return f"Beside {peer}, {', '.join([own, *told])}."


def ratio(row: Row, other: Row) -> str:
    """The server CPU of a row ÷ that of another, of means."""
    return f"{number((row.cpu.value or math.nan) / (other.cpu.value or math.nan))}×"


def _held(row: Row) -> str:
    """The memory and, if it is known, the start of a stack."""
    start = [f"starts in {seconds(row.start.value)}"] if row.start.value else []
    return ", ".join([f"{scaled(row.memory, MEGA)} MB", *start])


def _latencies(finding: Finding, variants: Container[str]) -> str:
    """The 99th percentile of latency at the common rate, of the best stack of each core; empty without any.

    A stack whose fresh servers differ by more than `AGREE` has none.
    """
    told: dict[str, str] = {}
    common = [each for each in finding.latencies if each.is_common and each.stack.variant in variants]
    for each in common:  # the shortest first
        tail = each.percentiles["p99"]
        if tail.figure.value and max(tail.servers) <= AGREE * min(tail.servers):
            told.setdefault(each.stack.variant, f"{naming.stack(finding, each.stack)} {scaled(tail.figure, MICRO)} µs")
    if not told:
        return ""
    rate = f"p99 at {number(common[0].rate)} requests per second each, where a stack reaches it and its servers agree"
    return f"{rate}: {listed([*told.values()])}. "

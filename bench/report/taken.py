"""What whole stacks take, in Python and beside it: README's second table."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.analysis.text import listed, number, seconds
from bench.report import money, naming
from bench.report.changes import SERVERS
from bench.report.markdown import table
from bench.report.rows import Finding, Row
from bench.report.wording import MEGA, MICRO, MILLI, UNDECIDED, estimate, scaled

ABSENT = "—"
BUSY, SLOWEST = "own 60", "p99"  # a share of each stack's own capacity
HEADING = (
    "stack",
    "requests/s",
    "CPU, µs",
    "$ a month",
    "$ a billion",
    "p99, ms",
    "memory, MB",
    "start, s",
    "size, MB",
)


def rows_of(finding: Finding) -> list[Row]:
    """The baseline on every server, the cheapest stack of each other core, and every peer; the least CPU first."""
    shown: dict[str, Row] = {}
    for row in finding.rows:  # the cheapest first
        if row.cpu.value:
            shown.setdefault(str(row.stack) if row.core.baseline else row.stack.variant, row)
    return list(shown.values())


def stacks(finding: Finding) -> str:
    """The table, the least server CPU first; without columns that are absent for all."""
    slow = {each.stack: each.percentiles[SLOWEST].figure for each in finding.latencies if each.is_common}
    cells = [
        [
            name(finding, row),
            scaled(row.capacity, 1.0),
            scaled(row.cpu, MICRO) + _undecided(row),
            scaled(money.monthly(row), 1.0),
            scaled(money.billion(row), 1.0),
            scaled(slow[row.stack], MILLI) if row.stack in slow else ABSENT,
            scaled(row.memory, MEGA),
            scaled(row.start, 1.0),
            scaled(row.compressed, MEGA),
        ]
        for row in rows_of(finding)
    ]
    known = [column for column in zip(HEADING, *cells, strict=True) if set(column[1:]) != {ABSENT}]
    return table([list(row) for row in zip(*known, strict=True)])


def _undecided(row: Row) -> str:
    """A mark for a change of the core whose effect behind this server is not decided."""
    return " (undecided)" if not row.stack.is_peer and estimate(row.speedup) == UNDECIDED else ""


def caption(finding: Finding) -> str:
    """What was measured, and what its figures may be compared with."""
    return (
        "The same application in one worker process on one core; in Python with Falcon, on Uvicorn with Falcon's ASGI "
        "side. None has a proxy here: [robustness](docs/findings/robustness.md) tells which needs one, "
        "[ablations](docs/findings/ablations.md) what it adds. Compare within this table: other sessions ran on other "
        "days or hosts. Which differences are more than noise, "
        f"[its page](docs/findings/{finding.study.name}.md) tells."
    )


def legend(finding: Finding) -> list[str]:
    """What the columns are."""
    common = next((number(each.rate) for each in finding.latencies if each.is_common), None)
    sessions = ", the median of the sessions" * bool(finding.over)
    slow = [f"**p99:** of the time to an answer, at one rate for all: {common}/s{sessions}."] if common else []
    return [
        "**CPU:** of the server, per request. Undecided: no difference from the same server with CPython is shown.",
        f"**$:** at an assumed ${money.CORE_HOUR:g} an hour of a core, fully used and without memory; {money.RATE:,} "
        f"requests per second for a month of {money.MONTH_HOURS:g} h, and a billion requests.",
        *slow,
        "**memory:** of all its processes under load, the largest sum. **start:** to the first right answer, on a "
        "machine that has read the files before.",
        "**size:** the files that a bare image needs, stripped and gzipped; not an image.",
    ]


def pays(finding: Finding) -> str:
    """When a rewrite or another language pays: that of the rewritten cores, and each peer as most would write it."""
    rows, kinds = rows_of(finding), {name: peer.kind for name, peer in finding.catalog.peers.items()}
    plain, best = _plain(rows), next((row for row in rows if not row.stack.is_peer), None)
    if plain is None or best is None or not best.core.rewritten:
        return ""
    rewritten = [row for row in rows if row.core.rewritten and not row.stack.is_peer and row is not best]
    languages = [row for row in rows if kinds.get(row.stack.variant) == "ordinary"]
    own, *others = [(name(finding, row), row) for row in (plain, best, *rewritten, *languages)]
    lines = f"The source of {others[0][0]} has {best.core.source.value or 0:,.0f} lines more."
    return f"{money.pays(own, others)} {lines}"


def by_server(finding: Finding) -> str:
    """What the plain source takes on the dearest server beside the others; or empty."""
    plain = [row for row in rows_of(finding) if row.core.baseline]
    if len(plain) < 2:
        return ""
    *others, dear = plain
    told = [f"{ratio(dear, row)} that on {naming.server(finding, row.stack)}" for row in others]
    return f"{name(finding, dear)} takes {listed(told)}, in CPU."


def tails(finding: Finding) -> str:
    """The 99th percentiles of the fastest core near its capacity, from server to server; empty if they may be equal.

    The ranges over its fresh servers are shown, because a stall of the machine lengthens some.
    """
    best = next((row.stack.variant for row in rows_of(finding) if not row.stack.is_peer), None)
    known = [
        (each, each.percentiles[SLOWEST])
        for each in finding.latencies
        if each.level == BUSY and each.stack.variant == best and each.percentiles[SLOWEST].figure.value
    ]
    if not known or max(known[0][1].servers) >= min(known[-1][1].servers):
        return ""
    told = [
        f"{scaled(slow.figure, MILLI)} on {naming.server(finding, each.stack)} "
        f"({number(min(slow.servers) / MILLI)} to {number(max(slow.servers) / MILLI)})"
        for each, slow in (known[0], known[-1])
    ]
    core = name(finding, next(row for row in finding.rows if row.stack == known[0][0].stack)).partition(" on ")[0]
    share = BUSY.split()[1]
    return f"Near its capacity the server decides the p99: at {share} % of it, {core} has {listed(told)}, in ms."


def beside(finding: Finding) -> list[str]:
    """What the plain source and rewritten cores take of CPU, memory and start beside each ordinary peer."""
    rows, kinds = rows_of(finding), {name: peer.kind for name, peer in finding.catalog.peers.items()}
    plain = _plain(rows)
    cores = [row for row in reversed(rows) if row.core.rewritten and not row.stack.is_peer]
    told = []
    for ordinary in (row for row in rows if kinds.get(row.stack.variant) == "ordinary"):
        own = [f"{name(finding, plain)} takes {ratio(plain, ordinary)} the CPU ({_held(plain)})"] if plain else []
        own += [f"{name(finding, row)} {ratio(row, ordinary)}" for row in cores]
        peer = f"{name(finding, ordinary)} ({scaled(ordinary.cpu, MICRO)} µs a request, {_held(ordinary)})"
        told.append(f"Beside {peer}, {', '.join(own)}.")
    return told


def name(finding: Finding, row: Row) -> str:
    """A stack by its core and its server; the caption tells the framework."""
    own = naming.core(finding, row.core)
    return own if row.stack.is_peer else f"{own} on {naming.server(finding, row.stack)}"


def ratio(row: Row, other: Row) -> str:
    """The server CPU of a row ÷ that of another, of means."""
    return f"{number((row.cpu.value or math.nan) / (other.cpu.value or math.nan))}×"


def _plain(rows: Iterable[Row]) -> Row | None:
    """The baseline on the cheaper one of the servers that README's first table shows."""
    return next((row for row in rows if row.core.baseline and row.stack.label in SERVERS), None)


def _held(row: Row) -> str:
    """The memory and, if it is known, the start of a stack."""
    start = [f"starts in {seconds(row.start.value)}"] if row.start.value else []
    return ", ".join([f"{scaled(row.memory, MEGA)} MB", *start])

"""The tables of README: what each change brings and costs, and what whole stacks take."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from bench.analysis.text import listed, number, seconds
from bench.errors import LabError
from bench.model import Session
from bench.paths import ROOT
from bench.report import naming
from bench.report.changes import SERVERS, behind_proxies, both, effects, peers
from bench.report.markdown import table
from bench.report.rows import Finding, Row
from bench.report.study_page import machine
from bench.report.wording import MEGA, MICRO, NO_FRAMEWORK, estimate, scaled

README = ROOT / "README.md"
BEGIN, END = "<!-- answers: written by `make findings` -->", "<!-- end of answers -->"
CHANGES = ("variants", "newest")  # the studies whose figures README shows, in this order
PROXIES = "ablations"
PEERS = ("nodejs", "spring")
WORK = "medium"  # the workload that these studies share
WIDTH = 118
CORE_HOUR = 0.04  # dollars, about what a shared core costs at large clouds
BILLION = 1000  # of the millions of requests that costs are of
TAKEN = (
    "What whole stacks take for such a request: server CPU, and what it costs for a billion requests at "
    f"${CORE_HOUR:g} a core hour; memory under load; the time from start to first answer; the files of a bare image, "
    "stripped and gzipped."
)


def write(found: Mapping[str, Finding], path: Path = README) -> Path:
    """Write the tables between the two markers of README. Raises LabError if a marker is missing."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise LabError(f"{path.name}: a marker of the tables is missing: restore {BEGIN} and {END}")
    path.write_text(f"{head}{begin}\n\n{text(found)}\n{end}{tail}", encoding="utf-8")
    return path


def text(found: Mapping[str, Finding]) -> str:
    """The table of changes, then a table of whole stacks for each study with peers: each with its machine and days.

    The changes come from pages of one machine; pages of other machines are left out.
    """
    pages = [found[name] for name in (*CHANGES, PROXIES) if name in found]
    shown = [each for page in pages for each in page.each if each.workload == WORK]
    shown = [each for each in shown if machine(each.session) == machine(shown[0].session)]
    abroad = [each for name in PEERS if name in found for each in found[name].each if each.workload == WORK]
    taken = [_taken(each) for each in abroad if _complete(each)]
    stay = "\n".join(_filled(each, "  ") for each in map(_stay, abroad) if each)
    told = [*(["**Stay with Python?**", stay] if stay else []), *([_filled(TAKEN)] if taken else [])]
    parts = [*([_changed(shown)] if shown else []), *told, *taken]
    return "\n\n".join(parts) + "\n" if parts else "Not measured yet: `make measure`.\n"


def _changed(shown: Sequence[Finding]) -> str:
    """What a change of one thing brings and costs."""
    own = shown[0]
    rows = [
        [f"[{each.name}]({_page(finding)})", each.alone, *(each.served.get(label, "") for label in SERVERS), each.price]
        for finding in shown
        if finding.study.name in CHANGES
        for each in effects(finding)
    ]
    proxied = [f"{behind_proxies(each)} ([why]({_page(each)}))." for each in shown if each.study.name == PROXIES]
    work = naming.work(own).lower()
    below = [
        f"How many times as fast as {own.baseline.title} in the same column, on {work} a document; behind a server, by "
        "its CPU per request.",
        both(own),
        *proxied,
        _measured(shown),
    ]
    grid = [["change", "core alone", *SERVERS.values(), "price"], _plain(own), *rows]
    return f"{table(grid)}\n\n{_filled(' '.join(filter(None, below)))}"


def _plain(finding: Finding) -> list[str]:
    """The baseline's own times, to which the other rows relate."""
    spent = {row.stack.label: row.cpu for row in finding.rows if row.core.baseline and row.cpu.value}
    times = [finding.baseline.time, *(spent.get(label) for label in SERVERS)]
    return [finding.baseline.title, *(f"{scaled(each, MICRO)} µs" if each else "" for each in times), ""]


def _page(finding: Finding) -> str:
    return f"docs/findings/{finding.study.name}.md"


def _complete(finding: Finding) -> dict[str, Row]:
    """The first row of each core whose start and size are known, by variant; of peers the cheapest and the ordinary."""
    rows: dict[str, Row] = {}
    for row in (*(row for row in finding.rows if not row.stack.is_peer), *peers(finding)):
        if row.cpu.value and row.start.value and row.compressed.value:
            rows.setdefault(row.stack.variant, row)
    return rows


def _taken(finding: Finding) -> str:
    """What whole stacks take, the least CPU first."""
    rows = _complete(finding)
    cells = [
        [
            naming.stack(finding, row.stack),
            scaled(row.cpu, MICRO),
            "1×" if row.core.baseline else estimate(row.speedup),
            scaled(row.cost.cpu_hours, 1 / (BILLION * CORE_HOUR)),
            scaled(row.memory, MEGA),
            scaled(row.start, 1.0),
            scaled(row.compressed, MEGA),
        ]
        for row in sorted(rows.values(), key=lambda row: row.cpu.value or 0.0)
    ]
    without = " without a framework" if NO_FRAMEWORK.issuperset(finding.study.frameworks) else ""
    title = f"**[{finding.study.title}]({_page(finding)})**, beside {finding.baseline.title}{without}:"
    heading = ["stack", "CPU, µs", "times as fast", "$ per billion", "memory, MB", "start, s", "size, MB"]
    below = f"{_tail(finding, rows)}{_measured([finding])}"
    return f"{title}\n\n{table([heading, *cells])}\n\n{_filled(below)}"


def _stay(finding: Finding) -> str:
    """What the plain source and rewritten cores take of the ordinary peer's CPU, and what else that takes; or empty."""
    rows = [row for row in _complete(finding).values() if row.cpu.value]
    known = [row for row in rows if row.stack.is_peer and finding.catalog.peers[row.stack.variant].kind == "ordinary"]
    plain = next((row for row in rows if row.core.baseline), None)
    if not known or plain is None:
        return ""
    ordinary, cores = known[0], [row for row in rows if row.core.rewritten and not row.stack.is_peer]
    told = [f"{naming.core(finding, row.core)} {_ratio(row, ordinary)}" for row in reversed(cores)]
    held, holds = (f"{scaled(row.memory, MEGA)} MB" for row in (plain, ordinary))
    started, starts = (seconds(row.start.value or 0.0) for row in (plain, ordinary))
    return (
        f"- Of {naming.core(finding, ordinary.core)}'s CPU, plain Python takes {_ratio(plain, ordinary)}, "
        f"{', '.join(told)}. It holds {holds} and starts in {starts}; plain Python {held}, {started}."
    )


def _ratio(row: Row, other: Row) -> str:
    return f"{number((row.cpu.value or math.nan) / (other.cpu.value or math.nan))}×"


def _tail(finding: Finding, variants: Container[str]) -> str:
    """The 99th percentile of latency at the common rate, of the best stack of each shown core; empty without any."""
    told: dict[str, str] = {}
    common = [each for each in finding.latencies if each.is_common and each.stack.variant in variants]
    for each in common:  # the shortest first
        tail = each.percentiles["p99"].figure
        if tail.value:
            told.setdefault(each.stack.variant, f"{naming.stack(finding, each.stack)} {scaled(tail, MICRO)} µs")
    return f"p99 at {number(common[0].rate)} requests per second each: {listed([*told.values()])}. " if told else ""


def _measured(shown: Sequence[Finding]) -> str:
    """The machine, the days, and how often each page was measured."""
    days = sorted({session.started[:10] for finding in shown for session in _sessions(finding)})
    when = f"{machine(shown[0].session)}, {' to '.join(dict.fromkeys((days[0], days[-1])))}"
    counts: dict[str, list[str]] = {}
    for finding in shown:
        counts.setdefault(_times(len(_sessions(finding))), []).append(finding.study.name)
    return f"Measured {'; '.join(f'{often}: {listed(names)}' for often, names in counts.items())}. {when}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _sessions(finding: Finding) -> Sequence[Session]:
    return finding.over or (finding.session,)


def _filled(told: str, indent: str = "") -> str:
    """A paragraph in lines; those after the first are indented."""
    return textwrap.fill(told, WIDTH, subsequent_indent=indent, break_on_hyphens=False)

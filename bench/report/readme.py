"""The tables of README: what each change brings and costs, and what whole stacks take."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.analysis.text import listed
from bench.errors import LabError
from bench.model import Session
from bench.paths import ROOT
from bench.report import naming, taken
from bench.report.changes import SERVERS, behind_proxies, both, effects, slowest_answers, where_requests_wait
from bench.report.markdown import table
from bench.report.rows import Finding
from bench.report.selftest import noise
from bench.report.study_page import machine
from bench.report.wording import MICRO, scaled

README = ROOT / "README.md"
BEGIN, END = "<!-- answers: written by `make findings` -->", "<!-- end of answers -->"
CHANGES = ("variants", "newest")  # the studies whose figures README shows, in this order
PROXIES, WAITING, TAILS = "ablations", "servers", "tails"
STACKS, PEERS = "stacks", ("nodejs", "spring")
SELFTEST = "docs/findings/selftest.md"
WORK, WAIT = "medium", "wait"  # workloads
WIDTH = 118
STAY = (
    "**Stay with Python?** Yes, unless CPU is your cost and nobody will maintain a rewritten core. Go and Rust: not "
    "measured."
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
    """The table of changes, then that of whole stacks, each with its machine and days.

    The changes come from pages of one machine; pages of other machines are left out.
    """
    asked = [*((name, WORK) for name in (*CHANGES, PROXIES, TAILS)), (WAITING, WAIT)]
    shown = [each for name, work in asked if name in found for each in found[name].each if each.workload == work]
    shown = [each for each in shown if machine(each.session) == machine(shown[0].session)]
    pages = [found[name] for name in dict.fromkeys(each.study.name for each in shown)]
    parts = [_changed(shown, pages) if shown else "", _stacks(found[STACKS], found) if STACKS in found else ""]
    return "\n\n".join(filter(None, parts)) + "\n" if any(parts) else "Not measured yet: `make measure`.\n"


def _changed(shown: Sequence[Finding], pages: Sequence[Finding]) -> str:
    """What a change of one thing brings and costs."""
    own = shown[0]
    rows = [
        [f"[{each.name}]({_page(finding)})", each.alone, *(each.served.get(label, "") for label in SERVERS), each.price]
        for finding in shown
        if finding.study.name in CHANGES
        for each in effects(finding)
    ]
    above = (
        f"Times as fast as {own.baseline.title} of the same sessions, on {naming.work(own).lower()} a document: the "
        "core alone by its time, behind a server by the server's CPU per request. Empty: not measured."
    )
    below = [f"{told} ([figures]({_page(each)}))." for each in shown if (told := _told(each))]
    below += [f"{noise(own.selftest)} ([figures]({SELFTEST}))."] if own.selftest else []
    grid = [["change", "core alone", *SERVERS.values(), "what it takes"], _plain(own), *rows]
    return "\n\n".join([_filled(above), table(grid), _items(below), _filled(_measured(pages))])


def _told(finding: Finding) -> str:
    """What the table has no room for; empty for other studies."""
    by = {CHANGES[0]: both, PROXIES: behind_proxies, TAILS: slowest_answers, WAITING: where_requests_wait}
    return by[finding.study.name](finding) if finding.study.name in by else ""


def _plain(finding: Finding) -> list[str]:
    """The baseline's own times, to which the other rows relate."""
    spent = {row.stack.label: row.cpu for row in finding.rows if row.core.baseline and row.cpu.value}
    times = [finding.baseline.time, *(spent.get(label) for label in SERVERS)]
    return [f"{finding.baseline.title}, 1×", *(f"{scaled(each, MICRO)} µs" if each else "" for each in times), ""]


def _stacks(finding: Finding, found: Mapping[str, Finding]) -> str:
    """What whole stacks take, beside other languages: table, what its columns mean, machine, days and sentences."""
    pages = [f"[{found[name].study.title}]({_page(found[name])})" for name in PEERS if name in found]
    more = [f"Peers that are tuned or written by hand, and other documents: {listed(pages)}."] if pages else []
    told = [taken.pays(finding), taken.by_server(finding), taken.tails(finding), *taken.beside(finding), *more]
    columns = [_filled(taken.caption(finding)), _items(taken.legend(finding))]
    parts = [_filled(STAY), taken.stacks(finding), *columns, _filled(_measured([finding])), _items(filter(None, told))]
    return "\n\n".join([f"## {finding.study.title}", *parts])


def _page(finding: Finding) -> str:
    return f"docs/findings/{finding.study.name}.md"


def _measured(shown: Sequence[Finding]) -> str:
    """The machine, the days, and the number of sessions of each page."""
    days = sorted({session.started[:10] for finding in shown for session in _sessions(finding)})
    counts = [f"{len(_sessions(finding))} of [{finding.study.name}]({_page(finding)})" for finding in shown]
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    return f"Sessions: {', '.join(counts)}. {machine(shown[0].session)}, {when}."


def _sessions(finding: Finding) -> Sequence[Session]:
    return finding.over or (finding.session,)


def _filled(told: str, indent: str = "") -> str:
    """A paragraph in lines; those after the first are indented."""
    return textwrap.fill(told, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def _items(told: Iterable[str]) -> str:
    """A list."""
    return "\n".join(_filled(f"- {each}", "  ") for each in told)

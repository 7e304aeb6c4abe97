"""Every measured stack in one page: requests per second, CPU, memory and start, core by core, to look one up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

import msgspec

from bench.analysis.text import number
from bench.report import naming, settings
from bench.report.markdown import render, table
from bench.report.rows import Finding, Row
from bench.report.study_page import machine
from bench.report.wording import MEGA, MICRO, framework, scaled

WORK = "medium"  # the workload of all figures
PEERS = "NodeJS and Java"
VERSIONS = "newest"  # the study that has every interpreter in one session
HEADING = ["server", "framework", "requests/s", "CPU, µs", "memory, MB", "start, s"]


class Entry(msgspec.Struct, frozen=True):
    """A stack's row, with the finding that it stands in."""

    row: Row
    finding: Finding

    @property
    def core(self) -> str:
        """The heading that it stands under."""
        if self.row.stack.is_peer:
            return PEERS
        return self.row.core.title if self.row.core.plain else naming.core(self.finding, self.row.core)

    @property
    def names(self) -> list[str]:
        """The server and the framework; a peer is both in one."""
        if self.row.stack.is_peer:
            return [self.finding.catalog.peers[self.row.stack.variant].title, ""]
        return [naming.server(self.finding, self.row.stack), framework(self.row.stack.framework)]


def text(found: Mapping[str, Finding]) -> str:
    """The page: for each core the tables of its pages, the fastest stack first. Empty if no study has the workload.

    It has the pages of the machine that most pages are of. A stack on several pages stands in the table of the one with
    most stacks of its core: rows of one page can be compared.
    """
    shown = [each for finding in found.values() for each in finding.each if _is_shown(finding, each)]
    if not shown:
        return ""
    machines = [machine(each.session) for each in shown]
    most = max(machines, key=machines.count)
    measured = _by_stack(each for each, own in zip(shown, machines, strict=True) if own == most)
    return render(
        "every_stack.md",
        work=naming.work(shown[0]).lower(),
        machine=most,
        cores=list(_ordered(_by_core(measured))),
        apart=_apart(measured.values()),
        versions=_versions([each for each in shown if each.study.name == VERSIONS]),
        pages=set(found),
    )


def _versions(shown: Sequence[Finding]) -> str:
    """The plain source on each interpreter, of one page: rows that can be compared."""
    entries = [Entry(row, each) for each in shown for row in each.rows if row.core.plain and row.cpu.value]
    lines = [
        [*entry.names[:1], entry.core, *_figures(entry.row)]
        for entry in sorted(entries, key=lambda entry: (entry.names[0], entry.core))
    ]
    return table([["server", "Python", *HEADING[2:]], *lines]) if lines else ""


def _is_shown(finding: Finding, part: Finding) -> bool:
    """Whether a workload of a study is shown; a study of settings is about what stands beside a stack."""
    study, is_of_settings = finding.study, settings.only_settings(finding.targets)
    hidden = study.first_look or study.selftest or finding.is_of_an_application or is_of_settings
    return part.workload == WORK and not hidden


def _by_stack(shown: Iterable[Finding]) -> dict[tuple[str, ...], list[Entry]]:
    """The figures of each stack on each page that has it."""
    measured: dict[tuple[str, ...], list[Entry]] = {}
    for finding in shown:
        for row in finding.rows:
            if row.cpu.value and "+" not in row.stack.server:
                measured.setdefault(_place(finding, row), []).append(Entry(row, finding))
    return measured


def _by_core(measured: Mapping[tuple[str, ...], Sequence[Entry]]) -> dict[str, list[list[Entry]]]:
    """Each core's stacks, in a list for each page; the page that has most of them has the first."""
    counts = Counter((entry.core, _page(entry)) for entries in measured.values() for entry in entries)
    found: dict[str, dict[str, list[Entry]]] = {}
    for entries in measured.values():
        own = max(entries, key=lambda entry: (counts[entry.core, _page(entry)], entry.finding.session.started))
        found.setdefault(own.core, {}).setdefault(_page(own), []).append(own)
    return {core: sorted(pages.values(), key=len, reverse=True) for core, pages in found.items()}


def _apart(measured: Iterable[Sequence[Entry]]) -> str:
    """How far apart pages have the same stack: the median, and the one that differs most; empty if none has two."""
    several = [sorted(entries, key=_cpu) for entries in measured if len(entries) > 1]
    if not several:
        return ""
    ratios = [_cpu(entries[-1]) / _cpu(entries[0]) for entries in several]
    low, *_, high = several[ratios.index(max(ratios))]
    pages = [f"{scaled(each.row.cpu, MICRO)} µs on {_page(each)}" for each in (low, high)]
    server = naming.server(low.finding, low.row.stack)
    return (
        f"the {len(several)} stacks on several pages differ by {number(median(ratios))}× in the median, and at most "
        f"{low.core} on {server} by {number(max(ratios))}× ({', '.join(pages)})"
    )


def _cpu(entry: Entry) -> float:
    return entry.row.cpu.value or 0.0


def _page(entry: Entry) -> str:
    name = entry.finding.study.name
    return f"[{name}]({name}.md)"


def _place(finding: Finding, row: Row) -> tuple[str, ...]:
    """What makes a stack the same on another page, where its interpreter may be the study's own."""
    return Entry(row, finding).core, row.stack.variant.partition("@")[0], row.stack.framework, row.stack.server


def _ordered(parts: Mapping[str, Sequence[Sequence[Entry]]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The plain source by its interpreter, then other cores by their least CPU, then peers: each page and its table."""

    def place(core: str) -> tuple[bool, bool, str, float]:
        entries = [entry for page in parts[core] for entry in page]
        plain = any(entry.row.core.plain for entry in entries)
        return core == PEERS, not plain, core if plain else "", min(map(_cpu, entries))

    for core in sorted(parts, key=place):
        yield core, [_table(page) for page in parts[core]]


def _table(page: Sequence[Entry]) -> tuple[str, str]:
    """Whose figures they are, and the rows, the least CPU first."""
    whose = f"{_page(page[0])}, {page[0].finding.session.started[:10]}"
    rows = [[*entry.names, *_figures(entry.row)] for entry in sorted(page, key=_cpu)]
    return whose, table([HEADING, *rows])


def _figures(row: Row) -> list[str]:
    return [scaled(row.capacity, 1.0), scaled(row.cpu, MICRO), scaled(row.memory, MEGA), scaled(row.start, 1.0)]

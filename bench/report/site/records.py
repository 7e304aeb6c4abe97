"""The figures of one stored session, or of several together: a row per stack, grouped as they may be compared.

Rows are compared within a group only: one session, one workload, one load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bench.keep import Kept
from bench.model import Plan, Stack
from bench.report.estimates import Figure
from bench.report.evidence import Evidence
from bench.report.figures import rerun
from bench.report.finding import find
from bench.report.ranking import Ranked
from bench.report.rows import Core, Finding, Row, closed_load
from bench.report.site.pairs import Ratios, Subjects, over_sessions, ratios
from bench.report.wording import MEGA, MICRO

ALONE = "core alone"  # instead of a server and a load


class Quantity(msgspec.Struct, frozen=True):
    """A kind of figure: its title, its unit, and the SI value of one unit."""

    title: str
    unit: str
    size: float


QUANTITIES = {
    "cpu": Quantity("Server CPU", "µs/request", MICRO),
    "time": Quantity("Core alone", "µs/document", MICRO),
    "capacity": Quantity("Capacity", "requests/s", 1.0),
    "p50": Quantity("Latency p50 at the common rate", "µs", MICRO),
    "p99": Quantity("Latency p99 at the common rate", "µs", MICRO),
    "memory": Quantity("Memory under load", "MB", MEGA),
    "start": Quantity("Start-up", "s", 1.0),
    "size": Quantity("Size, packed", "MB", MEGA),
}
CHECKOUT = "<checkout>"  # in a stored path: a folder that no longer exists
DOCS_OUTPUT = "make docs-output options=--measure"
DIGITS = 6  # stored digits of a figure: more than any page shows


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A stack or a core alone, with its figures in the units of `QUANTITIES`. Absent figures are left out."""

    stack: str
    title: str
    variant: str
    framework: str
    server: str
    figures: dict[str, float]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one workload under one load, and of each two the ratio of their costs, the first ÷ the second."""

    workload: str
    title: str
    load: str
    load_title: str
    entries: tuple[Entry, ...]
    ratios: Ratios

    @property
    def key(self) -> tuple[str, str]:
        """The workload and the load, the same in all sessions of a study."""
        return self.workload, self.load


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session lies: its `file` in the site, and its page there if it has one; both relative to `docs/`."""

    file: str
    page: str | None = None
    former: bool = False


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A session with its groups; or several `sessions` of a study together, with their means and geometric means."""

    study: str
    title: str
    started: str
    machine: str
    commit: str
    command: str
    source: Source
    groups: tuple[Group, ...]
    sessions: int = 1

    @property
    def name(self) -> str:
        """The name in links, the same after a rebuild of the site."""
        return f"{self.study}@{'all' if self.sessions > 1 else self.started[:16]}"


def measured(kept: Kept, source: Source) -> Measured:
    """The figures of one session."""
    finding = find(kept.session, kept.runs, selftest=kept.selftest)
    found = []
    for each in finding.each:
        evidence = Evidence(kept.session, kept.runs, each.workload, kept.selftest)
        found += [
            msgspec.structs.replace(group, ratios=ratios(evidence, group.load, subjects))
            for group, subjects in _groups(each)
        ]
    return _of(finding, source, tuple(found))


def together(finding: Finding, sessions: Sequence[Measured], source: Source) -> Measured:
    """The figures of a finding over several `sessions` of its study, with ratios over all of them."""
    found = []
    for each in finding.each:
        for group, _ in _groups(each):
            same = [own for session in sessions for own in session.groups if own.key == group.key]
            found.append(msgspec.structs.replace(group, ratios=over_sessions([own.ratios for own in same])))
    return _of(finding, source, tuple(found), len(sessions))


def machine(known: Mapping[str, object]) -> str:
    """The kind of machine: its processor and the number of its cores."""
    cpu = str(known.get("cpu", "unknown machine")).replace("(R)", "").removesuffix(" Processor")
    return f"{cpu}, {known['cores']} cores" if "cores" in known else cpu


def _of(finding: Finding, source: Source, groups: tuple[Group, ...], sessions: int = 1) -> Measured:
    session = finding.session
    return Measured(
        study=finding.study.name,
        title=finding.study.title,
        started=session.started,
        machine=machine(session.machine),
        commit=str(session.machine.get("commit") or ""),
        command=_command(finding),
        source=source,
        groups=tuple(group for group in groups if group.entries),
        sessions=sessions,
    )


def _command(finding: Finding) -> str:
    """The command that measures the session again: for projects that only the docs have, the one of the docs."""
    command = rerun(finding)
    return DOCS_OUTPUT if CHECKOUT in command else command


def _groups(finding: Finding) -> Iterator[tuple[Group, Subjects]]:
    """The groups of a workload without ratios, each with its subjects by the name of their entry."""
    plan = finding.session.plan
    cores = [core for core in (*finding.cores, *finding.peers) if core.time.value is not None]
    yield _group(finding, "", map(_alone, cores)), {core.variant: core.variant for core in cores}
    load = closed_load(finding.study, finding.workload)
    if load:
        rows = {str(row.stack): row for row in finding.rows if row.cpu.value is not None}
        entries = (_served(row, finding) for row in rows.values())
        yield _group(finding, load, entries), {name: row.stack for name, row in rows.items()}
    if finding.raced:
        entries = (_raced(each, plan) for each in finding.raced)
        yield _group(finding, finding.raced[0].load, entries), {str(each.stack): each.stack for each in finding.raced}


def _group(finding: Finding, load: str, entries: Iterable[Entry]) -> Group:
    return Group(
        workload=finding.workload,
        title=finding.title,
        load=load,
        load_title=finding.catalog.loads[load].title if load else "the core alone, without a server",
        entries=tuple(entries),
        ratios={},
    )


def _alone(core: Core) -> Entry:
    figures = _scaled({"time": core.time})
    return Entry(
        stack=core.variant, title=core.title, variant=core.variant, framework="", server=ALONE, figures=figures
    )


def _served(row: Row, finding: Finding) -> Entry:
    common = next((each for each in finding.latencies if each.is_common and each.stack == row.stack), None)
    late = {name: common.percentiles[name].figure for name in ("p50", "p99")} if common else {}
    return _entry(
        row.stack,
        finding.session.plan,
        {
            "cpu": row.cpu,
            "capacity": row.capacity,
            **late,
            "memory": row.memory,
            "start": row.start,
            "size": row.compressed,
        },
    )


def _raced(each: Ranked, plan: Plan) -> Entry:
    return _entry(each.stack, plan, {"cpu": each.figures.cpu, "capacity": each.figures.rate})


def _entry(stack: Stack, plan: Plan, figures: Mapping[str, Figure]) -> Entry:
    subject = plan.catalog.subject(stack.variant)
    return Entry(
        stack=str(stack),
        title=subject.title,
        variant=stack.variant,
        framework=stack.framework,
        server=plan.catalog.peers[stack.variant].server if stack.is_peer else stack.server,
        figures=_scaled(figures),
    )


def _scaled(figures: Mapping[str, Figure]) -> dict[str, float]:
    """The known figures in their units."""
    known = {name: figure.value / QUANTITIES[name].size for name, figure in figures.items() if figure.value is not None}
    return {name: float(f"{value:.{DIGITS}g}") for name, value in known.items()}

"""The first table of a page: at most twelve rows and eight columns, sorted by the figure that answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.analysis.text import number
from bench.report import loads, naming, price, settings, validators, versions
from bench.report.markdown import Table
from bench.report.ranked import USUAL
from bench.report.ranking import Ranked
from bench.report.rows import Finding, Row
from bench.report.targets import TargetResult, counts
from bench.report.wording import MEGA, MICRO, estimate, scaled

MOST_ROWS, MOST_COLUMNS = 12, 8
NAMED = 6  # most undecided ones that are named
ROUND = "*"  # marks a figure from the rounds of a race


def table(finding: Finding) -> Table:
    """The table that answers the study's question; empty where nothing was measured."""
    return [row[:MOST_COLUMNS] for row in _table(finding)[: MOST_ROWS + 1]]


def about(finding: Finding) -> str:
    """What the cells of the table are, in a sentence or two; empty where its headings say it."""
    if finding.study.open:
        part = next((each for each in finding.each if loads.table(each)), finding)
        return f"{naming.work(part)}, breaks as multiples of the stack's capacity:"
    if validators.compared(finding):
        return validators.ABOUT
    if not _is_of_stacks(finding):
        return ""
    only = finding.cores[0] if len(finding.cores) == 1 and not finding.peers else None
    core = f"All run {naming.core(finding, only)}. " if only else ""
    told = f"{core}Server CPU per request relative to the best of its column, whose own is in brackets"
    if any(_waits(part) for part in finding.each):
        told += "; where requests wait, answers per second stand before it, and alone where they rank a stack"
    rounds = (
        f" {ROUND}: from a race's rounds, under a shorter load." if any(part.raced for part in finding.each) else ""
    )
    return f"{told}.{rounds}"


def undecided(finding: Finding) -> str:
    """What is neither significantly different nor equal, by name, or counted where it is much; empty without any."""
    if settings.only_settings(finding.targets):
        return _named([("", settings.undecided(finding))])
    if finding.study.open:
        return ""
    parts = []
    for each in finding.each:
        names = [naming.core(each, core) for core in each.cores if core.speedup.undecided and not core.baseline]
        if _is_of_stacks(finding):
            final = {ranked.stack for ranked in each.ranking}
            ranked = (*each.ranking, *(other for other in each.raced if other.stack not in final))
            names = [str(other.stack) for other in ranked if other.behind.undecided]
        elif not versions.compared(finding):
            names += [str(row.stack) for row in each.rows if row.speedup.undecided and not row.core.baseline]
        parts.append((f"{naming.work(each)}: " if finding.others else "", names))
    return _named(parts)


def _named(parts: Iterable[tuple[str, list[str]]]) -> str:
    told = []
    for lead, names in parts:
        many = f"{len(names)} (see all figures)"
        told += [f"{lead}{'; '.join(names) if len(names) <= NAMED else many}."] if names else []
    return f"Undecided: {' '.join(told)}" if told else ""


def _table(finding: Finding) -> Table:
    if settings.only_settings(finding.targets):
        return settings.table(finding)
    if finding.study.open:
        return next((found for each in finding.each if (found := loads.table(each, brief=True))), [])
    if validators.compared(finding):
        return validators.table(finding)
    if _is_of_stacks(finding):
        return _stacks(finding)
    if finding.targets and not finding.rows:
        return _targets(finding)
    return versions.table(finding) if versions.compared(finding) else _cores(finding)


def _is_of_stacks(finding: Finding) -> bool:
    """Whether the study answers with stacks."""
    alone = finding.study.micro and len(finding.cores) > 1
    return bool(finding.rows) and not (alone or finding.study.open or settings.only_settings(finding.targets))


def _cores(finding: Finding) -> Table:
    """A row for each core: time and speed-up alone, speed-up behind each server, and what it costs to keep."""
    rows = [core for core in finding.cores if core.time.value is not None or core.baseline]
    rows = [*rows[: MOST_ROWS - 1], finding.baseline] if finding.baseline not in rows[:MOST_ROWS] else rows
    prices = price.known(rows)
    places = [place for place in finding.places if any(row.place == place for row in finding.rows)]
    heading = [
        "variant",
        "core alone, µs",
        "speed-up alone",
        *(f"speed-up on {naming.server_at(finding, place)}" for place in places),
    ]
    lines = [
        [
            _with_caveat(naming.core(finding, core), naming.of_core(finding, core.variant)),
            scaled(core.time, MICRO),
            "1×" if core.baseline else estimate(core.speedup),
            *(_behind(finding.row(core, place)) for place in places),
        ]
        for core in rows
    ]
    room = len(heading) + len(prices) < MOST_COLUMNS and places
    heading += ["memory, MB"] if room else []
    for line, core in zip(lines, rows, strict=True):
        if room:
            row = finding.row(core, places[0])
            line.append(scaled(row.memory, MEGA) if row else "—")
        else:
            line[0] = _with_caveat(line[0], naming.held(finding, core.variant))
        line += [price.cell(core, name) for name in prices]
    return [[*heading, *(price.TITLES[name] for name in prices)], *lines]


def _stacks(finding: Finding) -> Table:
    """A row for the best stack of each core, server or framework: its cost on each workload, memory, start and size."""
    chosen = list(_chosen(finding))
    rows = {row.stack: row for row in finding.rows}
    heading = ["stack", *(naming.work(each) for each in finding.each)]
    lines = [
        [
            _with_caveat(_titled(finding, each), naming.caveat(finding, each.stack)),
            *(_cost(part, each) for part in finding.each),
        ]
        for each in chosen
    ]
    if finding.study.latency and finding.study.latency.all:
        waits = {each.stack: each for each in finding.latencies if each.is_common}
        rate = next((f" at {number(each.rate)}/s" for each in waits.values()), "")
        heading.append(f"p99{rate}, µs")
        for line, each in zip(lines, chosen, strict=True):
            found = waits.get(each.stack)
            line.append(scaled(found.percentiles["p99"].figure, MICRO) if found else "—")
    for name, title, unit in (
        ("memory", "memory, MB", MEGA),
        ("start", "start, s", 1.0),
        ("compressed", "size, MB", MEGA),
    ):
        cells = [scaled(getattr(rows[each.stack], name), unit) if each.stack in rows else "—" for each in chosen]
        if any(cell != "—" for cell in cells):
            where = f" ({naming.work(finding).lower()})" if name == "memory" and finding.others else ""
            heading.append(title + where)
            for line, cell in zip(lines, cells, strict=True):
                line.append(cell)
    return [heading, *lines]


def _chosen(finding: Finding) -> Iterator[Ranked]:
    """The best stack of each group on the first workload: the best of every workload and the usual server first."""
    first: dict[str, Ranked] = {}
    for part in finding.each:
        for each in (*part.ranking, *part.raced):
            first.setdefault(_group(finding, each), each)
    shown = {each.stack: each for each in first.values()}
    best = {part.ranking[0].stack: part.ranking[0] for part in finding.each if part.ranking}
    must = {*best, *(stack for stack in shown if stack.label == USUAL)}
    kept = [*must, *(stack for stack in shown if stack not in must)][:MOST_ROWS]
    order = [each.stack for part in finding.each for each in (*part.ranking, *part.raced)]
    return ((shown | best)[stack] for stack in dict.fromkeys(order) if stack in kept)


def _group(finding: Finding, each: Ranked) -> str:
    """What a row stands for: a core or a peer, a server, or a framework."""
    if finding.is_of_an_application:
        return str(each.stack)
    if finding.compares_cores:
        return each.stack.variant
    return each.stack.framework if len(finding.study.servers) == 1 else each.stack.server


def _titled(finding: Finding, each: Ranked) -> str:
    """A stack as written, without the only variant; a peer by its title."""
    if each.stack.is_peer:
        return finding.catalog.peers[each.stack.variant].title
    return str(each.stack) if finding.compares_cores else f"{each.stack.framework}/{each.stack.server}"


def _cost(part: Finding, each: Ranked) -> str:
    """The cost of a stack on a workload, relative to the best there."""
    found = next((one for one in part.ranking if one.stack == each.stack), None)
    mark = "" if found else ROUND
    found = found or next((one for one in part.raced if one.stack == each.stack), None)
    if found is None:
        return "—"
    rate = [f"{number(found.figures.rate.value)}/s"] if _waits(part) and found.figures.rate.value else []
    if found.by == "rate" and rate:
        return f"{rate[0]}{mark}"
    spent = estimate(found.behind) if found.behind.ratio else f"1× ({scaled(found.figures.cpu, MICRO)} µs)"
    return f"{', '.join([*rate, spent])}{mark}"


def _waits(part: Finding) -> bool:
    """Whether some stacks of a workload are ranked by their answers per second."""
    return any(each.by == "rate" for each in part.ranking)


def _targets(finding: Finding) -> Table:
    """A row for each target: the range over its workloads, the limit, and the outcomes."""
    titled: dict[str, list[TargetResult]] = {}
    for row in finding.targets:
        titled.setdefault(row.target.title, []).append(row)
    return [
        ["target", "figure", "limit", "outcomes"],
        *([title, _range(rows), rows[0].limit, ", ".join(counts(rows))] for title, rows in titled.items()),
    ]


def _range(rows: list[TargetResult]) -> str:
    known = sorted((row for row in rows if row.value is not None), key=lambda row: row.value or 0.0)
    if not known:
        return "—"
    return " to ".join(dict.fromkeys(row.text.partition(" (")[0] for row in (known[0], known[-1])))


def _behind(row: Row | None) -> str:
    if row is None or row.cpu.value is None:
        return "—"
    if row.core.baseline:
        return f"1× ({scaled(row.cpu, MICRO)} µs)"
    return estimate(row.speedup)


def _with_caveat(name: str, caveat: str) -> str:
    return f"{name} ({caveat})" if caveat else name

"""The answers and the tables of a study of limits on CPU time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized

from bench.analysis.text import listed, number
from bench.model import Catalog, Peer
from bench.report.limited import Answered, Seen, Shared
from bench.report.markdown import Table
from bench.report.rows import Finding
from bench.report.wording import MILLI, fitting, judged

POINTS = 2.0  # how far from the formula a measured share may be, in percentage points
FAR = 1.5  # times what the formula says


def answers(finding: Finding) -> Iterator[str]:
    """How well shares hold, what a quota does to the slowest answers, and which languages see a quota."""
    found = finding.limited
    known = [abs(row.points) for row in found.shared if row.points is not None]
    if known:
        get = "get" if max(known) <= POINTS else "do not get"
        lead = f"Busy apps on a core {get} what their shares say: {number(max(known), 2)} points off at most"
        yield fitting(lead, _far_from_due(found.shared))
    yield from _workers_matter(finding)
    if found.seen:
        seeing, blind = _who_sees(finding)
        told = f"{listed(seeing)} size{_s(seeing)} by a quota" if seeing else "No language sizes by a quota"
        told += " of cgroup version 1"
        others = f"{listed(blind)} do{'es' * (len(blind) == 1)} not: take workers from app.sizing"
        yield fitting(told, [others] if seeing and blind else [])


def _far_from_due(shared: Sequence[Shared]) -> Iterator[str]:
    """The share that is furthest from the formula as a ratio, if that is far: points hide it where a share is small."""
    ratios = [row.share / row.expected for row in shared if row.share is not None]
    if ratios and max(ratios) > FAR:
        yield f"the smallest share gets {number(max(ratios), 2)}× its due"


def _workers_matter(finding: Finding) -> Iterator[str]:
    """The slowest answers to the first load within the smallest quota that carries it, by the number of workers."""
    plan, asked = finding.study.limited, _asked(finding)
    if plan is None or asked is None:
        return
    quotas = [finding.catalog.limits[name] for name in plan.alone]
    carrying = [each for each in quotas if each.cpus and each.cpus >= asked and not each.burst_ms]
    if not carrying:
        return
    least = min(carrying, key=lambda each: (each.cpus, -each.period_ms))
    worst = {
        row.workers: max(row.p99s)
        for row in finding.limited.answered
        if (row.limit, row.load, row.beside) == (least.name, plan.loads[0], None) and row.p99s
    }
    fewest, most = min(plan.workers), max(plan.workers)
    if fewest in worst and most in worst:
        few, many = (f"{_ms(worst[count])} ms with {_counted(count)}" for count in (fewest, most))
        yield fitting(f"Within {least.cpus:g} CPU, under the load {plan.loads[0]}, the worst p99 is {few}, {many}")


def _asked(finding: Finding) -> float | None:
    """The CPU that the open loads ask for, by what a request takes without a limit and with the fewest workers."""
    plan = finding.study.limited
    if plan is None:
        return None
    free = [
        row.cpu
        for row in finding.limited.answered
        if (row.limit, row.beside, row.workers, row.load) == (plan.alone[0], None, min(plan.workers), plan.loads[0])
    ]
    return plan.rate * free[0] if free and free[0] else None


def asks(finding: Finding) -> str:
    """What the open loads ask for, and which quotas are below it; empty if unknown."""
    plan, asked = finding.study.limited, _asked(finding)
    if plan is None or asked is None:
        return ""
    quotas = {cpus for name in plan.alone if (cpus := finding.catalog.limits[name].cpus)}
    below = [f"{each:g}" for each in sorted(quotas) if each < asked]
    more = f" Within {listed(below)} CPU answers come later and later, as long as the load lasts." if below else ""
    return f"The open loads ask for {number(asked, 2)} CPU.{more}"


def _who_sees(finding: Finding) -> tuple[list[str], list[str]]:
    """The languages whose every runtime sizes something by a quota, and the others. `app.sizing` does not count."""
    plan = finding.study.sizing
    quotas = [name for name in (plan.limits if plan else ()) if finding.catalog.limits[name].cpus]
    by: dict[str, list[bool]] = {}
    for runtime in dict.fromkeys(row.runtime for row in finding.limited.seen if row.facts):
        facts = {row.limit: _own(row) for row in finding.limited.seen if row.runtime == runtime}
        changed = any(facts.get(name) != facts.get(plan.limits[0] if plan else "") for name in quotas)
        by.setdefault(_language(finding.catalog, runtime), []).append(changed)
    return [name for name, each in by.items() if all(each)], [name for name, each in by.items() if not all(each)]


def _own(row: Seen) -> dict[str, int | str]:
    return {name: value for name, value in row.facts.items() if name != "app.sizing"}


def _language(catalog: Catalog, name: str) -> str:
    subject = catalog.subject(name)
    return subject.language if isinstance(subject, Peer) else "Python"


def first(finding: Finding, *, ends: bool = False) -> Table:
    """A row for each limit: the slowest answers by load and workers, and how many periods of bursts were throttled.

    With `ends`, those of the fastest and of the slowest server, too: a terminal has no room for them.
    """
    plan = finding.study.limited
    if plan is None:
        return []
    places = [(load, workers) for load in plan.loads for workers in plan.workers]
    last = places[-1]
    heading = ["limit", *(f"{load}, {_workers(count)}: p99, ms" for load, count in places)]
    heading.append(f"{last[0]}, {_workers(last[1])}: throttled periods")
    rows = []
    for limit, beside in dict.fromkeys((row.limit, row.beside) for row in finding.limited.answered):
        own = {
            (row.load, row.workers): row
            for row in finding.limited.answered
            if (row.limit, row.beside) == (limit, beside)
        }
        shown = _between if ends else lambda row: _ms(row.p99)
        cells = [shown(own[place]) if place in own else "—" for place in places]
        rows.append([name(finding, limit, beside), *cells, _share(own[last].throttled) if last in own else "—"])
    return [heading, *rows] if rows else []


def shares(finding: Finding) -> Table:
    """A row for each pair of busy servers."""
    heading = ["app", "beside", "expected", "measured", "least to most", "points off", "answers/s, both", "core used"]
    rows = [
        [title(finding, row.limit), title(finding, row.beside), _share(row.expected), *_measured(row)]
        for row in finding.limited.shared
    ]
    return [heading, *rows] if rows else []


def _measured(row: Shared) -> list[str]:
    if row.share is None or row.points is None or row.rates is None:
        return ["—"] * 5
    ends = f"{_share(min(row.windows))} to {_share(max(row.windows))}"
    rates = " and ".join(number(rate) for rate in row.rates)
    return [_share(row.share), ends, f"{row.points:+.1f}", rates, _share(row.used)]


def seen(finding: Finding) -> Table:
    """A row for each figure that runtimes size by, with the runtimes that agree; a column for each limit."""
    plan = finding.study.sizing
    if plan is None:
        return []
    by: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for runtime in plan.runtimes:
        facts = {row.limit: row.facts for row in finding.limited.seen if row.runtime == runtime}
        for figure in dict.fromkeys(figure for each in facts.values() for figure in each):
            cells = tuple(str(facts.get(limit, {}).get(figure, "—")) for limit in plan.limits)
            by.setdefault((figure, cells), []).append(_runtime(finding, runtime))
    heading = ["figure", "runtimes", *(title(finding, limit) for limit in plan.limits)]
    rows = [[f"`{figure}`", ", ".join(runtimes), *cells] for (figure, cells), runtimes in by.items()]
    return [heading, *rows] if rows else []


def _runtime(finding: Finding, runtime: str) -> str:
    """The name of an interpreter, or the runtime of a peer."""
    subject = finding.catalog.subject(runtime)
    return subject.runtime if isinstance(subject, Peer) else finding.catalog.interpreters[subject.interpreter].name


def every(finding: Finding, *, ends: bool = True) -> Table:
    """Every figure under the open loads."""
    heading = ["limit", "workers", "load", "p50, ms", "p99, ms", "p99 relative to no limit", "throttled", "CPU, ms"]
    rows = [
        [
            name(finding, row.limit, row.beside),
            str(row.workers),
            row.load,
            _ms(row.p50),
            _between(row) if ends else _ms(row.p99),
            judged(row.slower) if row.slower.ratio else "—",
            _share(row.throttled),
            _ms(row.cpu),
        ]
        for row in finding.limited.answered
    ]
    return [heading, *rows] if rows else []


def tables(finding: Finding, *, ends: bool = True) -> dict[str, Table]:
    """All tables of the study by title, without empty ones; none for a study without limits."""
    found = {
        "The slowest answers within each limit": first(finding, ends=ends),
        "Two busy apps on one core": shares(finding),
        "What runtimes see": seen(finding),
        "Every figure under the open loads": every(finding, ends=ends),
    }
    return {title: rows for title, rows in found.items() if rows}


def sources(finding: Finding) -> Table:
    """The limits with where they come from."""
    known = [finding.catalog.limits[name] for name in finding.study.limits]
    return [["limit", "shares", "source"], *([each.title, str(each.shares), each.source or "—"] for each in known)]


def without_figures(finding: Finding) -> list[str]:
    """What failed, with its reason."""
    found = finding.limited
    told = [
        (f"{name(finding, row.limit, row.beside)}, {_workers(row.workers)}, {row.load}", row.reason)
        for row in found.answered
    ]
    told += [(name(finding, row.limit, row.beside), row.reason) for row in found.shared]
    told += [(f"{row.runtime}, {title(finding, row.limit)}", row.reason) for row in found.seen]
    return [f"{what}: {reason}" for what, reason in told if reason]


def name(finding: Finding, limit: str, beside: str | None) -> str:
    """A limit, and that of a busy neighbour."""
    own = title(finding, limit)
    return f"{own}; beside it, busy: {title(finding, beside)}" if beside else own


def title(finding: Finding, limit: str) -> str:
    """A limit as a table names it."""
    return finding.catalog.limits[limit].title


def _s(names: Sized) -> str:
    """The ending of a verb."""
    return "s" if len(names) == 1 else ""


def _counted(count: int) -> str:
    words = {1: "one", 2: "two", 3: "three", 4: "four"}
    return f"{words.get(count, count)} worker{'s' * (count > 1)}"


def _between(row: Answered) -> str:
    """The 99th percentile, and that of the fastest and of the slowest server."""
    if not row.p99s:
        return "—"
    return f"{_ms(row.p99)} ({_ms(min(row.p99s))}–{_ms(max(row.p99s))})"


def _workers(count: int) -> str:
    return f"{count} worker{'s' * (count > 1)}"


def _ms(seconds: float | None) -> str:
    return "—" if seconds is None else number(seconds / MILLI)


def _share(value: float | None) -> str:
    return "—" if value is None else f"{number(100 * value)} %"

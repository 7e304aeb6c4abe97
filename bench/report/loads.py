"""The results of open loads beyond capacity: the answer, a table of stacks and loads, and the generators' agreement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from bench.analysis.breaking import Break, Overload
from bench.analysis.text import listed, number
from bench.report import naming
from bench.report.markdown import Table
from bench.report.rows import Course, Finding
from bench.report.wording import fitting

HELD, ANSWERED_HELD, NO_RESULT = "holds", "latency of answered requests holds", "no result"
ABSENT = "—"
JUDGED = {"p99": "", "p50": " (by medians)", "max": " (by the longest)"}


def table(finding: Finding, *, brief: bool = False) -> Table:
    """A heading and a row for each stack with a result: its capacity, where it broke, and when it recovered.

    Columns without a result are left out. Empty if no run has one. `brief`: a break is the share of capacity alone.
    """
    pairs = ([f"{_title(finding, load)}: breaks at", "recovers after"] for load in _loads(finding))
    heading = ["stack", "capacity/s", *(name for pair in pairs for name in pair)]
    by_stack: dict[str, dict[str, Course]] = {}
    for course in finding.open:
        by_stack.setdefault(course.title, {})[course.load] = course
    rows = [
        [
            title,
            _capacity(courses.values()),
            *(cell for load in _loads(finding) for cell in cells(courses.get(load), brief=brief)),
        ]
        for title, courses in by_stack.items()
        if any(has_result(course) for course in courses.values())
    ]
    shown = [at for at in range(len(heading)) if any(row[at] not in {ABSENT, NO_RESULT} for row in rows)]
    return [[line[at] for at in shown] for line in (heading, *rows)] if rows else []


def has_result(course: Course) -> bool:
    """Whether the run under an open load measured the server."""
    return course.overload is not None and course.overload.unknown is None


def cells(course: Course | None, *, brief: bool = False) -> tuple[str, str]:
    """The share of capacity, rate and second at which a run broke, and the seconds until it recovered.

    `brief`: without rates and seconds.
    """
    if course is None or course.overload is None:
        return ABSENT, ABSENT
    found = course.overload
    if found.unknown:
        return NO_RESULT, ABSENT
    failed = "".join(f", {count:,} {kind}" for kind, count in found.failures.items()) if brief else _failures(found)
    if found.broke is None:
        most = f", up to {number(found.most)}/s answered" if found.most and not brief else ""
        return f"{ANSWERED_HELD if failed else HELD}{most}{failed}", ABSENT
    broke = found.broke
    if brief:
        return f"{number(broke.share)}×{failed}", _back(broke, found)
    at = f"{number(broke.share)}×, {number(broke.rate)}/s in second {broke.second}{JUDGED[found.judged_by]}{failed}"
    return at, _back(broke, found)


def without_result(finding: Finding) -> list[tuple[Course, str]]:
    """The runs without a result, each with a line that says why."""
    return [
        (
            course,
            f"{course.title}, {_title(finding, course.load)}: {course.overload.unknown}{_failures(course.overload)}",
        )
        for course in finding.open
        if course.overload and course.overload.unknown
    ]


def answer(finding: Finding) -> str:
    """Where latency breaks beyond capacity, the median and the least of all runs, what fails, and when it recovers."""
    lead = f"{naming.work(finding)}: "
    known = [course for course in finding.open if has_result(course)]
    broke = [found for course in known if course.overload and (found := course.overload.broke)]
    if not finding.open:
        return fitting(f"{lead}no stack was driven beyond its capacity")
    if not known:
        return fitting(f"{lead}no result in {len(finding.open)} runs", ["Gatling was the limit"])
    failed = {course.title: course for course in known if course.overload and course.overload.failures}
    names = [naming.server(finding, course.stack) for course in failed.values()]
    fails = f"requests to {names[0] if len(names) == 1 else f'{len(names)} stacks'} fail" if names else "nothing fails"
    if not broke:
        return fitting(f"{lead}latency holds beyond capacity in all {len(known)} runs", [fails])
    never = sum(found.recovered is None for found in broke)
    back = max((found.recovered for found in broke if found.recovered is not None), default=0)
    recover = f"latency recovers within {back} s" if not never else f"{never} of {len(broke)} runs do not recover"
    shares = sorted(found.share for found in broke)
    usual, first = number(median(shares)), number(shares[0])
    told = f"latency breaks at {usual}× capacity" + (f", first at {first}×" if first != usual else "")
    return fitting(f"{lead}{told}", [fails, recover])


def agreement(finding: Finding) -> str:
    """The two generators' ratio of server CPU per request over the stacks that both drove, by workload."""
    told = [f"{_agreement(each.agreements)} on “{each.title}”" for each in finding.each if each.agreements]
    if not told:
        return ""
    return (
        "Gatling and the pacer drove the same servers. Server CPU per request under the pacer ÷ under Gatling, median "
        f"and range over the stacks: {listed(told)}."
    )


def _agreement(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})"


def _loads(finding: Finding) -> tuple[str, ...]:
    return finding.study.open.loads if finding.study.open else ()


def _title(finding: Finding, load: str) -> str:
    return finding.catalog.loads[load].title


def _capacity(courses: Iterable[Course]) -> str:
    known = next((course.capacity for course in courses if course.capacity), None)
    return number(known) if known else "unknown"


def _back(broke: Break, found: Overload) -> str:
    if broke.recovered is not None:
        return f"{broke.recovered} s"
    return f"not within {found.watched} s" + (f", {found.waiting:,} waiting" if found.waiting else "")


def _failures(found: Overload) -> str:
    """The number of failed requests by kind, and the seconds in which they failed."""
    told = "".join(f", {count:,} {kind}" for kind, count in found.failures.items())
    if not found.failed or found.failures.keys() <= {"timed out"}:  # time-outs end long after the second of their start
        return told
    first, last = found.failed
    return f"{told} in second{f's {first}–{last}' if last > first else f' {first}'}"

"""What open loads broke: a table of stacks and loads, and what it says in sentences; how far the generators agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from bench.analysis.breaking import Break, Overload
from bench.analysis.text import listed, number
from bench.report.rows import Course, Finding

HELD, ANSWERED_HELD, UNCLAIMED = "holds", "latency of what is answered holds", "no claim"
JUDGED = {"p99": "", "p50": " (by medians)", "max": " (by the longest)"}


def heading(finding: Finding) -> list[str]:
    """Two columns a load, after the stack and its capacity."""
    pairs = ([f"{_title(finding, load)}: breaks at", "recovers after"] for load in _loads(finding))
    return ["stack", "capacity/s", *(name for pair in pairs for name in pair)]


def rows(finding: Finding) -> list[list[str]]:
    """A row a stack; a load is absent there if its run failed."""
    by_stack: dict[str, dict[str, Course]] = {}
    for course in finding.open:
        by_stack.setdefault(course.title, {})[course.load] = course
    return [
        [title, _capacity(courses.values()), *(cell for load in _loads(finding) for cell in cells(courses.get(load)))]
        for title, courses in by_stack.items()
    ]


def cells(course: Course | None) -> tuple[str, str]:
    """At which share of capacity, rate and second a run broke, and after how many seconds it recovered."""
    if course is None or course.overload is None:
        return "—", "—"
    found = course.overload
    failed = _failures(found)
    if found.unknown:
        return f"{UNCLAIMED}{failed}", "—"
    if found.broke is None:
        most = f", up to {number(found.most)}/s answered" if found.most else ""
        return f"{ANSWERED_HELD if failed else HELD}{most}{failed}", "—"
    broke = found.broke
    at = f"{number(broke.share)}×, {number(broke.rate)}/s in second {broke.second}{JUDGED[found.judged_by]}{failed}"
    return at, _back(broke, found)


def unclaimed(finding: Finding) -> list[str]:
    """Why nothing is significant of a run, one by one."""
    return [
        f"{course.title}, {_title(finding, course.load)}: {course.overload.unknown}"
        for course in finding.open
        if course.overload and course.overload.unknown
    ]


def words(finding: Finding) -> tuple[str, ...]:
    """What breaks first and where, how many recover after each load, and what failed."""
    known = [course for course in finding.open if course.overload and not course.overload.unknown]
    broke = [(course, found) for course in known if course.overload and (found := course.overload.broke)]
    if not finding.open:
        return ("No stack was driven beyond its capacity.",)
    if not known:
        why = "Gatling was the limit or the capacity is unknown (see below the table)"
        return (f"No claim: in each of {len(finding.open)} runs {why}.",)
    told = [_lead(known, [found for _, found in broke])]
    by_load = {load: [each for each in broke if each[0].load == load] for load in _loads(finding)}
    told += [_recovery(_title(finding, load), own) for load, own in by_load.items()]
    return tuple(sentence for sentence in (*told, *_late(broke), *_failed(finding), *_limited(finding)) if sentence)


def agreement(finding: Finding) -> str:
    """How far the two generators agree about server CPU per request, over the stacks that both drove, by workload."""
    told = [f"{_agreement(each.agreements)} on “{each.title}”" for each in finding.each if each.agreements]
    if not told:
        return ""
    return (
        "Gatling and the pacer drove the same servers. Server CPU per request under the pacer, in units of that under "
        f"Gatling, median and span over the stacks: {listed(told)}."
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
    return f"not in {found.watched} s" + (f", {found.waiting:,} waiting" if found.waiting else "")


def _failures(found: Overload) -> str:
    """How many requests failed, of what kind, and in which seconds."""
    told = "".join(f", {count:,} {kind}" for kind, count in found.failures.items())
    if not found.failed or found.failures.keys() <= {"timed out"}:  # which end long after their second, as others' do
        return told
    first, last = found.failed
    return f"{told} in second{f's {first}–{last}' if last > first else f' {first}'}"


def _lead(known: Sequence[Course], broke: Sequence[Break]) -> str:
    if not broke:
        return f"Nothing breaks: {len(known)} of {len(known)} runs hold beyond capacity."
    where = _span([each.share for each in broke])
    return f"Latency breaks first, in {len(broke)} of {len(known)} runs, at {where}× capacity."


def _recovery(title: str, broke: Sequence[tuple[Course, Break]]) -> str:
    """How long after the overload of a load of that title its stacks recovered, and which did not."""
    back = [found.recovered for _, found in broke if found.recovered is not None]
    never = [course.title for course, found in broke if found.recovered is None]
    told = [f"{len(back)} of {len(broke)} recover within {_span(back)} s of the overload's end"] if back else []
    told += [f"{listed(never)} did not recover within the run"] if never else []
    return f"{title}: {'; '.join(told)}." if told else ""


def _late(broke: Sequence[tuple[Course, Break]]) -> Iterator[str]:
    """Whether throughput held in the seconds beyond capacity."""
    shares = [found.answered / course.capacity for course, found in broke if course.capacity]
    if shares:
        yield f"From there to the end of the overload, throughput is {_span(shares)}× capacity."


def _failed(finding: Finding) -> Iterator[str]:
    failed = [
        f"{course.title} under “{_title(finding, course.load)}”{_failures(course.overload)}"
        for course in finding.open
        if course.overload and course.overload.failures
    ]
    yield f"Requests failed: {listed(failed)}." if failed else "No request failed."


def _limited(finding: Finding) -> Iterator[str]:
    count = len(unclaimed(finding))
    if count:
        yield f"No claim on {count} of {len(finding.open)} runs: reasons stand below the table."


def _span(values: Sequence[float]) -> str:
    """The least and the greatest, once if they look alike; whole numbers as such."""
    ends = (min(values), max(values))
    return "–".join(dict.fromkeys(f"{end:,}" if isinstance(end, int) else number(end) for end in ends))

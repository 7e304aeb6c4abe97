"""The plots of a finding as charts. Each mark is labelled with its figure, which the page shows on hover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import altair as alt
import numpy as np
from msgspec.structs import replace

from bench.analysis.comparison import Comparison, compared
from bench.analysis.stats import Ratio
from bench.analysis.text import number
from bench.build.contents import PARTS
from bench.model import Stack
from bench.report.dots import ALL, AXIS, LETTER, ROW, Dot, distinct, dots, row_axis
from bench.report.drawing import Chart, Record, hues, keys, sheet
from bench.report.look import LIGHT
from bench.report.rows import Core, Course, Finding, Row
from bench.report.wording import MEGA, MICRO, estimate, judged, scaled

WIDE, NARROW = 760, 350  # width in pixels of a single plot: on a desktop, on a phone
PANEL = 350  # width in pixels of one of several plots side by side
ALONE = "core alone"
UNDECIDED = ("equal or undecided", "grey")  # a key to a colour
PART_COLOURS = ("grey", "blue", "orange", "green", "purple")
RESOLUTION = 1e-3
DECADES = tuple(10**power for power in range(3, 9))
LABELS = "datum.value <= 1000 ? '≤ 1,000' : format(datum.value, ',')"  # the clock's resolution is a millisecond


def speedups(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Each core's speed-up with its interval, and the bias as a band. The baseline's is that of its A/A pair."""
    pair = compared(finding.same) if finding.same else Comparison()
    shown = [(core, pair if core.baseline else core.speedup) for core in finding.cores]
    marks = [
        _ratio(found, found.ratio, _name(core, width), between=width == WIDE) for core, found in shown if found.ratio
    ]
    return dots(marks, width, "speed relative to the baseline", rows, floor=finding.floor)


def survival(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Each core's speed-up with its interval, alone and behind each server, a lane each. Undecided ones are grey."""
    colours = dict(keys([ALONE, *finding.places], "ink"))
    marks = []
    for core in finding.cores:
        behind = [(row.place, row.speedup) for row in _rows(finding, core.variant)]
        for place, found in [(ALONE, core.speedup), *behind]:
            if found.ratio and not core.baseline:
                marks.append(_ratio(found, found.ratio, _name(core, width), place, colours[place]))
    return dots(marks, width, f"speed relative to {finding.baseline.title}", rows)


def spent(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Server CPU of each stack, the least first. The colours are those of `kinds`."""
    marks = [
        _point(str(row.stack), row.cpu.value / MICRO, "µs", _colour(row, finding))
        for row in finding.rows
        if row.cpu.value is not None
    ]
    return dots(marks, width, "µs of server CPU per request", rows, one=False)


def memory(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Memory of each stack from idle to its peak under the closed load, over all its servers. The least come first."""
    held: dict[Stack, list[Course]] = {}
    for course in finding.closed:
        if course.memory:
            held.setdefault(course.stack, []).append(course)
    hues_of = {row.stack: _colour(row, finding) for row in finding.rows}
    marks = []
    for stack, courses in held.items():
        peaks = [course.memory["loaded"] / MEGA for course in courses]
        idle = min(course.memory.get("idle", course.memory["loaded"]) / MEGA for course in courses)
        mark = _point(str(stack), float(np.mean(peaks)), "MB", hues_of[stack])
        marks.append(replace(mark, low=min(idle, *peaks), high=max(peaks), hint=f"{mark.hint}, idle {number(idle)} MB"))
    marks.sort(key=lambda mark: mark.at)
    return dots(marks, width, "MB of memory, from idle to the peak under load", rows, one=False)


def breaks(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """The share of capacity at which the latency of each stack breaks, a lane for each load.

    A hollow mark is the largest share that a stack answered without breaking.
    """
    loads = list(dict.fromkeys(course.load for course in finding.open))
    colours = dict(keys(loads))
    marks = []
    for course in finding.open:
        found = course.overload
        if found is None or found.unknown or not course.capacity or not (found.broke or found.most):
            continue
        at = found.broke.share if found.broke else (found.most or 0.0) / course.capacity
        told = number(at) + "×" if found.broke else "holds"
        what = f"breaks at {told} capacity" if found.broke else f"holds up to {number(at)}× capacity"
        marks.append(
            Dot(
                row=course.title if width == WIDE else _short(course),
                at=at,
                low=at,
                high=at,
                told=told,
                hint=f"{course.title}, {finding.catalog.loads[course.load].title}: {what}",
                colour=colours[course.load],
                lane=course.load,
                hollow=found.broke is None,
            )
        )
    return dots(marks, width, "load as a multiple of capacity", rows)


def latencies(finding: Finding, load: str) -> Chart:
    """Median latency of each second under an open load, with the planned and the sent rate. Peers are dashed."""
    courses = [course for course in finding.open if course.load == load]
    colours = {title: LIGHT[colour] for title, colour, _ in contestants(finding)}
    records = [record | {"colour": colours[course.title]} for course in courses for record in _seconds(course)]
    top = max(record["us"] for course in finding.open for record in _seconds(course))
    scale = alt.Scale(type="log", domain=[1000, 10 ** math.ceil(math.log10(max(top, 10_000)))])
    y = alt.Y("us:Q", scale=scale, title="latency, µs", axis=alt.Axis(values=DECADES, labelExpr=LABELS))
    dashed = alt.Scale(domain=[False, True], range=[[1, 0], [4, 3]])
    base = sheet(records, PANEL - 60, height=150).encode(x=_second(None), y=y, color=alt.Color("colour:N", scale=None))
    line = base.mark_line(strokeWidth=2, clip=True, aria=False).encode(
        detail="name:N", strokeDash=alt.StrokeDash("peer:N", scale=dashed)
    )
    point = base.mark_point(filled=True, size=22, opacity=1).encode(description="hint:N")
    return alt.vconcat(alt.layer(line, point), _rates(courses), spacing=6)


def contestants(finding: Finding) -> list[tuple[str, str, bool]]:
    """The title and colour of each stack under an open load, and whether it is a peer, with a dashed line."""
    groups = {peer: [c.title for c in finding.open if c.stack.is_peer is peer] for peer in (False, True)}
    return [(*pair, peer) for peer, titles in groups.items() for pair in keys(list(dict.fromkeys(titles)))]


def sizes(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Compressed bytes of each stack by part, the smallest first, with the size as installed."""
    sized = sorted((row for row in finding.rows if row.parts), key=lambda row: row.compressed.value or 0.0)
    told = distinct([str(row.stack) for row in sized])
    whole = width == WIDE
    labels = {
        row.stack: scaled(row.compressed, MEGA) + (f", installed {scaled(row.unpacked, MEGA)}" if whole else "")
        for row in sized
    }
    totals: list[Record] = [
        {"name": told[str(row.stack)], "mb": (row.compressed.value or 0.0) / MEGA, "told": labels[row.stack]}
        for row in sized
    ]
    records: list[Record] = [
        {
            "name": told[str(row.stack)], "part": part, "rank": rank, "mb": found["compressed"] / MEGA,
            "hint": f"{row.stack}: {part} {number(found['compressed'] / MEGA)} MB",
        }
        for row in sized[rows] for rank, (part, found) in enumerate(row.parts.items())
    ]  # fmt: skip
    names = list(told.values())[rows]
    axis, room = row_axis(list(told.values()), width)
    most, longest = max(total["mb"] for total in totals), max(map(len, labels.values()))
    top = most / max(0.2, 1 - LETTER * longest / (width - room))
    y = alt.Y("name:N", sort=names, title=None, axis=axis)
    ticks = alt.Axis(tickCount=4 if whole else 2, titleAnchor="end")
    x = alt.X("mb:Q", title="MB", scale=alt.Scale(domain=[0, top]), axis=ticks)
    scale = hues(zip(PARTS, PART_COLOURS, strict=True))
    height = ROW * len(names) + AXIS
    bar = sheet(records, width, height).mark_bar(height=10).encode(
        x=x, y=y, color=alt.Color("part:N", scale=scale), order="rank:O", description="hint:N"
    )  # fmt: skip
    text = sheet(totals[rows], width, height).mark_text(align="left", dx=6, fontSize=11, aria=False)
    return alt.layer(bar, text.encode(x="mb:Q", y=y, text="told:N"))


def _rates(courses: Sequence[Course]) -> Chart:
    """The planned rate as an area and the sent requests as points, both as multiples of the load's base rate."""
    plans = [(course.rate or 1.0, course.series.get("plan", ())) for course in courses[:1]]
    planned = [{"second": second, "rate": (rate or 0.0) / unit} for unit, plan in plans for second, rate in plan]
    sent = [
        {
            "second": second,
            "rate": (count or 0.0) / (course.rate or 1.0),
            "hint": f"{course.title}, second {second:.0f}: {count:.0f} requests sent",
        }
        for course in courses
        for second, count, *_ in course.series.get("latency", ())
        if second is not None and second >= 0
    ]
    y = alt.Y("rate:Q", title="× base rate", axis=alt.Axis(tickCount=3))
    x = _second("seconds")
    area = sheet(planned, PANEL - 60, height=55).mark_area(color=LIGHT["line"], interpolate="step-after", aria=False)
    dots = sheet(sent, PANEL - 60, height=55).mark_point(filled=True, size=14, color=LIGHT["ink"], opacity=1)
    return alt.layer(area.encode(x=x, y=y), dots.encode(x=x, y=y, description="hint:N"))


def _second(title: str | None) -> alt.X:
    return alt.X("second:Q", title=title, axis=alt.Axis(tickCount=6, format="d"))


def _seconds(course: Course) -> Iterable[Record]:
    """A record of each second that has a median. Latencies below the clock's resolution are drawn at it."""
    for second, _, median, *_ in course.series.get("latency", ()):
        if second is None or second < 0 or median is None:
            continue
        yield {
            "second": second,
            "us": max(median, RESOLUTION) / MICRO,
            "name": course.title,
            "peer": course.stack.is_peer,
            "hint": f"{course.title}, second {second:.0f}: median {number(median / MICRO)} µs",
        }


def _ratio(
    found: Comparison, ratio: Ratio, row: str, lane: str = "", colour: str = "blue", *, between: bool = False
) -> Dot:
    """The mark of a ratio. One that is not significant is grey. `between`: the interval stands beside the estimate."""
    low, high = ratio.low or ratio.estimate, ratio.high or ratio.estimate
    return Dot(
        row=row,
        at=ratio.estimate,
        low=low,
        high=high,
        told=judged(found) if between else estimate(found),
        hint=f"{row}{f' {lane}' if lane else ''}: {judged(found)}",
        colour=colour if found.significant else "grey",
        lane=lane,
    )


def _point(row: str, value: float, unit: str, colour: str) -> Dot:
    """The mark of a figure without an interval."""
    told = number(value)
    return Dot(row=row, at=value, low=value, high=value, told=told, hint=f"{row}: {told} {unit}", colour=colour)


def kinds(finding: Finding) -> dict[str, str]:
    """The colour of each kind of stack that the study has: another language, the baseline, the others."""
    several = len(finding.cores) > 1
    own = {f"{finding.baseline.title}, the baseline": "ink"} if several else {}
    return own | {"Python": "blue"} | ({"another language": "orange"} if finding.peers else {})


def _colour(row: Row, finding: Finding) -> str:
    """The colour of a stack's kind."""
    return "orange" if row.stack.is_peer else "ink" if row.core.baseline and len(finding.cores) > 1 else "blue"


def _short(course: Course) -> str:
    """The shortest name of a course's stack, for a phone."""
    return course.stack.variant if course.stack.is_peer else course.title


def _name(core: Core, width: int) -> str:
    """A core's title, on a phone its shorter name."""
    return core.title if width == WIDE else core.variant


def _rows(finding: Finding, variant: str) -> list[Row]:
    """A variant's stacks in the study's order of servers."""
    found = [row for row in finding.rows if row.stack.variant == variant]
    return sorted(found, key=lambda row: finding.places.index(row.place))

"""The plots of a finding as charts. Each mark is labelled with its figure, which the page shows on hover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from bench.analysis.comparison import Comparison, compared
from bench.analysis.stats import Ratio
from bench.analysis.text import interval, number, seconds
from bench.measure.instruments.sizes import PARTS
from bench.report.drawing import Chart, Record, extent, hues, keys, logarithmic, names_axis, sheet
from bench.report.look import LIGHT
from bench.report.rows import Course, Finding, Row
from bench.report.wording import estimate, judged

WIDE, NARROW = 760, 350  # width in pixels of a single plot: on a desktop, on a phone
PANEL = 350  # width in pixels of one of several plots side by side
ALONE = "core alone"
PART_COLOURS = ("grey", "blue", "orange", "green", "purple")
MEGA, RESOLUTION = 1e6, 1e-3
MOMENTS = {"idle": "idle", "first": "first request", "loaded": "under load", "after": "after it"}
DECADES = (1, 10, 100, 1000, 10_000, 100_000)
LABELS = "datum.value <= 1 ? '≤ 1' : format(datum.value, ',')"  # the clock's resolution is a millisecond


def speedups(finding: Finding, width: int) -> Chart:
    """Each core's speed-up with its interval, and the bias as a band. The baseline's is that of its A/A pair."""
    pair = compared(finding.same) if finding.same else Comparison()
    shown = [(core, pair if core.baseline else core.speedup) for core in finding.cores]
    data = [
        _ratio(found, found.ratio, name=core.title if width == WIDE else core.variant, significant=found.significant)
        for core, found in shown
        if found.ratio
    ]
    names = [record["name"] for record in data]
    told = "datum.told" + (" + '  ' + datum.between" if width == WIDE else "")
    scale, axis = logarithmic(data, room=0.3)
    y = alt.Y("name:N", sort=names, title=None, axis=names_axis(names))
    colour = alt.condition("datum.significant", alt.value(LIGHT["blue"]), alt.value(LIGHT["grey"]))
    x = alt.X("ratio:Q", scale=scale, axis=axis, title="speed-up")
    base = sheet(data, width, height=38 * len(data)).encode(y=y)
    span = base.mark_rule(strokeWidth=3, aria=False).encode(x=alt.X("low:Q"), x2="high:Q", color=colour)
    point = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, color=colour, description="hint:N")
    text = (
        base.transform_calculate(text=told).mark_text(align="left", dx=8, dy=-11, aria=False).encode(x=x, text="text:N")
    )
    return alt.layer(*_noise(finding, width), span, point, text)


def survival(finding: Finding, width: int) -> Chart:
    """Each core's speed-up alone and behind each server, a bar from 1× each.

    A peer has one bar, relative to the baseline behind the first server.
    """
    shown: list[tuple[str, str, Comparison]] = []
    for core in (*finding.cores, *finding.peers):
        name = core.title if width == WIDE else core.variant
        behind = [(row.place, row.speedup) for row in _rows(finding, core.variant)]
        shown += [(name, place, found) for place, found in [(ALONE, core.speedup), *behind] if not core.baseline]
    data = [_bar(found, found.ratio, name, place) for name, place, found in shown if found.ratio]
    places = [ALONE, *finding.places]
    scale, axis = logarithmic(data, room=0.18)
    lanes = list(dict.fromkeys(record["name"] for record in data))
    y = alt.Y("name:N", sort=lanes, title=None, scale=alt.Scale(paddingInner=0.3), axis=names_axis(lanes))
    offset = alt.YOffset("place:N", sort=places, scale=alt.Scale(domain=places, paddingInner=0.15))
    x = alt.X("ratio:Q", scale=scale, axis=axis, title="speed-up")
    colour = alt.Color("place:N", sort=places, scale=hues(places, "ink"))
    base = sheet(data, width, height=19 * len(places) * len(lanes)).encode(y=y, yOffset=offset)
    bar = base.mark_bar().encode(x=x, x2="one:Q", color=colour, description="hint:N")
    text = base.mark_text(align="left", dx=5, fontSize=11, aria=False).encode(x="end:Q", text="told:N")
    return alt.layer(bar, text)


def latencies(finding: Finding, load: str) -> Chart:
    """Median latency of each second under an open load, with the planned and the sent rate. Peers are dashed."""
    courses = [course for course in finding.open if course.load == load]
    colours = {title: LIGHT[colour] for title, colour, _ in contestants(finding)}
    records = [record | {"colour": colours[course.title]} for course in courses for record in _seconds(course)]
    top = max(record["ms"] for course in finding.open for record in _seconds(course))
    scale = alt.Scale(type="log", domain=[1, 10 ** math.ceil(math.log10(max(top, 10)))])
    y = alt.Y("ms:Q", scale=scale, title="latency, ms", axis=alt.Axis(values=DECADES, labelExpr=LABELS))
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


def memory(finding: Finding, variant: str) -> Chart:
    """Memory of a variant's stacks: idle, after the first request, its peak under the closed load, and after it."""
    shown = [course for course in finding.closed if course.memory]
    top = max(level / MEGA for course in shown for level in course.memory.values())
    records = [
        {
            "when": MOMENTS[when], "mb": level / MEGA, "place": course.place, "run": course.block,
            "hint": f"{course.stack}, server {course.block + 1}, {MOMENTS[when]}: {number(level / MEGA)} MB",
        }
        for course in _typical([course for course in shown if course.stack.variant == variant])
        for when, level in course.memory.items()
    ]  # fmt: skip
    held = {course.place for course in shown}
    places = [place for place in finding.places if place in held]
    line: alt.Chart = sheet(records, PANEL, height=120).mark_line(strokeWidth=1.8).encode(
        x=alt.X("when:N", title=None, sort=list(MOMENTS.values()), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("mb:Q", title="MB", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(tickCount=4)),
        color=alt.Color("place:N", sort=places, scale=hues(places)),
        detail="run:N",
        description="hint:N",
    )  # fmt: skip
    return line


def _typical(courses: Iterable[Course]) -> list[Course]:
    """Up to three servers of each stack: those with the lowest, the median and the highest peak."""
    by_stack: dict[str, list[Course]] = {}
    for course in sorted(courses, key=lambda course: course.memory["loaded"]):
        by_stack.setdefault(str(course.stack), []).append(course)
    return [held[rank] for held in by_stack.values() for rank in sorted({0, (len(held) - 1) // 2, len(held) - 1})]


def sizes(finding: Finding, kind: str) -> Chart:
    """Bytes of each stack by part: `unpacked`, `stripped` or `compressed`."""
    records = [
        {
            "name": row.stack.variant, "place": row.place, "part": part, "rank": PARTS.index(part),
            "mb": found[kind] / MEGA, "hint": f"{row.stack}: {part} {number(found[kind] / MEGA)} MB",
        }
        for row in finding.rows for part, found in row.parts.items()
    ]  # fmt: skip
    names = [core.variant for core in (*finding.cores, *finding.peers)]
    colours = alt.Scale(domain=list(PARTS), range=[LIGHT[name] for name in PART_COLOURS])
    bar: alt.Chart = sheet(records, PANEL - extent(names) - 25, height=alt.Step(17)).mark_bar().encode(
        x=alt.X("mb:Q", title="MB", axis=alt.Axis(tickCount=5)),
        y=alt.Y("name:N", sort=names, title=None, axis=names_axis(names)),
        color=alt.Color("part:N", scale=colours),
        order="rank:O",
        description="hint:N",
    )  # fmt: skip
    return bar.facet(row=alt.Row("place:N", sort=list(finding.places), title=None, header=_HEADER))


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
            "ms": max(median, RESOLUTION) * 1000,
            "name": course.title,
            "peer": course.stack.is_peer,
            "hint": f"{course.title}, second {second:.0f}: median {seconds(median)}",
        }


def _bar(found: Comparison, ratio: Ratio, name: str, place: str) -> Record:
    """A bar's record. Without a significant difference, the bar has no length."""
    drawn = ratio.estimate if found.significant else 1.0
    return _ratio(found, ratio, name=name, place=place) | {"ratio": drawn, "one": 1, "end": max(drawn, 1.0)}


def _ratio(found: Comparison, ratio: Ratio, **kept: Any) -> Record:
    """A mark's record: the estimate with its interval, and both as text."""
    low, high = ratio.low or ratio.estimate, ratio.high or ratio.estimate
    hint = f"{kept['name']} {kept.get('place', '')}: {judged(found)}"
    return {
        "ratio": ratio.estimate,
        "low": low,
        "high": high,
        "told": estimate(found),
        "between": f"({interval(ratio)})",
        "hint": hint,
    } | kept


def _noise(finding: Finding, width: int) -> list[alt.Chart]:
    """The line at 1×, on the band of the noise floor where the machine has a bias."""
    one = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(color=LIGHT["muted"], aria=False).encode(x="one:Q")
    if not finding.floor:
        return [one]
    edges = [{"low": 1 / (1 + finding.floor), "high": 1 + finding.floor}]
    band = alt.Chart(alt.InlineData(values=edges), width=width).mark_rect(color=LIGHT["grey"], opacity=0.45, aria=False)
    return [band.encode(x="low:Q", x2="high:Q"), one]


def _rows(finding: Finding, variant: str) -> list[Row]:
    """A variant's stacks in the study's order of servers."""
    found = [row for row in finding.rows if row.stack.variant == variant]
    return sorted(found, key=lambda row: finding.places.index(row.place))


_HEADER = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight=600, title=None)

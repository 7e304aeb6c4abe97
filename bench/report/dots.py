"""A plot of dots: a row for each subject, a mark with its interval, and the figure beside it, on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import msgspec
from msgspec.structs import asdict

from bench.report.drawing import Chart, extent, sheet
from bench.report.look import LIGHT

ROW, LANE, AXIS = 22, 14, 45  # pixels: a row, a lane of a row with several marks, the axis below
ALL = slice(None)
WIDEST = 0.62  # share of the width that names may take
GAP, LETTER = 8, 6.3  # pixels: between mark and label, a letter of a label
TICKS = tuple(step * 10**power for power in range(-2, 8) for step in (1, 2, 5))
ROUNDS = 20  # of fitting the scale to the labels


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """A mark at `at` with the interval `low` … `high`, `told` beside it and `hint` on hover.

    `lane` parts the marks of one row. `colour` is a name of the palette. `hollow`: drawn without filling.
    """

    row: str
    at: float
    low: float
    high: float
    told: str
    hint: str
    colour: str = "blue"
    lane: str = ""
    hollow: bool = False

    def room(self, one: bool) -> tuple[float, float]:
        """The pixels that the label needs on the left and on the right."""
        needed = GAP + LETTER * len(self.told) + 2
        return (needed, GAP) if self.is_left(one) else (GAP, needed)

    def is_left(self, one: bool) -> bool:
        """Whether the label is on the left of the mark, as it would cross the line at 1× on its right."""
        return one and self.high < 1


def dots(
    marks: Sequence[Dot], width: int, title: str, rows: slice = ALL, *, one: bool = True, floor: float = 0.0
) -> Chart:
    """The marks of the chosen `rows`, on the scale of all. With `one` they are ratios, on a line at 1×.

    `floor` is the noise floor, drawn as a band around 1×.
    """
    names = list(dict.fromkeys(mark.row for mark in marks))[rows]
    shown = [mark for mark in marks if mark.row in names]
    lanes = list(dict.fromkeys(mark.lane for mark in marks))
    room = min(extent(mark.row for mark in marks), WIDEST * width)
    scale, axis = _scale(marks, width - room, one)
    y = alt.Y("row:N", sort=names, title=None, axis=alt.Axis(minExtent=room, labelLimit=room))
    records = [_record(mark, one) for mark in shown]
    height = (ROW if len(lanes) == 1 else LANE * len(lanes) + 8) * len(names) + AXIS
    base = sheet(records, width, height).encode(y=y, color=alt.Color("ink:N", scale=None))
    if len(lanes) > 1:
        base = base.encode(yOffset=alt.YOffset("lane:N", sort=lanes, scale=alt.Scale(domain=lanes, paddingOuter=0.3)))
    x = alt.X("at:Q", scale=scale, axis=axis, title=title)
    span = base.mark_rule(strokeWidth=2, aria=False).encode(
        x="low:Q", x2="high:Q", color=alt.Color("hue:N", scale=None)
    )
    point = base.mark_point(size=45, strokeWidth=1.8, opacity=1).encode(
        x=x,
        color=alt.Color("hue:N", scale=None),
        fill=alt.Fill("fill:N", scale=None),
        description="hint:N",
    )
    right, left = (
        base.transform_filter(f"datum.left == {str(left).lower()}")
        .mark_text(align="right" if left else "left", dx=-GAP if left else GAP, fontSize=11, aria=False)
        .encode(x="low:Q" if left else "high:Q", text="told:N")
        for left in (False, True)
    )
    return alt.layer(*(_one(floor) if one else ()), span, point, right, left)


def _record(mark: Dot, one: bool) -> dict[str, object]:
    hue = LIGHT[mark.colour]
    ink = LIGHT["muted" if mark.colour == "grey" else "ink"]
    return asdict(mark) | {
        "hue": hue, "fill": LIGHT["page"] if mark.hollow else hue, "ink": ink, "left": mark.is_left(one),
    }  # fmt: skip


def _scale(marks: Sequence[Dot], plot: float, one: bool) -> tuple[alt.Scale, alt.Axis]:
    """A log scale with room for each label, and its ticks at 1, 2 and 5."""
    ends = [end for mark in marks for end in (mark.low, mark.high)] + ([1.0] if one else [])
    low, high = math.log(min(ends)), math.log(max(ends)) + 1e-3
    for _ in range(ROUNDS):
        pixel = (high - low) / max(plot, 1)
        rooms = [(math.log(mark.low), math.log(mark.high), *mark.room(one)) for mark in marks]
        low = min([math.log(min(ends)), *(left - room * pixel for left, _, room, _ in rooms)])
        high = max([math.log(max(ends)), *(right + room * pixel for _, right, _, room in rooms)])
    first, last = math.exp(low), math.exp(high)
    label = "datum.value + '×'" if one else "format(datum.value, ',')"
    ticks = [tick for tick in TICKS if first <= tick <= last]
    return (
        alt.Scale(type="log", domain=[first, last], nice=False),
        alt.Axis(values=ticks, labelExpr=label, labelOverlap="greedy", labelSeparation=10),
    )


def _one(floor: float) -> list[alt.Chart]:
    """The line at 1×, on the band of the noise floor where the machine has a bias."""
    line = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(color=LIGHT["muted"], aria=False)
    band = alt.Chart(alt.InlineData(values=[{"low": 1 / (1 + floor), "high": 1 + floor}]))
    drawn = [line.encode(x="one:Q")]
    if floor:
        drawn.insert(0, band.mark_rect(color=LIGHT["band"], aria=False).encode(x="low:Q", x2="high:Q"))
    return drawn

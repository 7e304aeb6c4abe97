"""A plot of dots: a row for each subject, a mark with its interval, and the figure beside it, on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import altair as alt
import msgspec
from msgspec.structs import asdict

from bench.report.drawing import Chart, sheet
from bench.report.look import LIGHT

ALL = slice(None)
ROW, LANE, AXIS = 22, 15, 45  # pixels: a row, a lane of a row with several marks, the axis below
GAP, LETTER = 8, 7  # pixels: between mark and label, a letter of a label
FONT, SMALL = 12, 11  # pixels: the font of names, and on a narrow plot
BROAD = 0.6  # width of a letter of a name, relative to its font
NARROW = 400  # pixels: a plot up to this width has the smaller font
LEAST = 90  # pixels of a plot beside its names
WIDEST = 0.7  # share of the width that names may take
STEPS = ((1, 1.1, 1.2, 1.3, 1.5, 1.7, 2, 2.5, 3, 4, 5, 7, 9), (1, 1.2, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
MANY = 7  # ticks of an axis
MOST = 4  # room for labels on one side, in spans of the marks
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
    told = distinct(list(dict.fromkeys(mark.row for mark in marks)))
    names = list(told.values())[rows]
    shown = [mark for mark in marks if told[mark.row] in names]
    lanes = list(dict.fromkeys(mark.lane for mark in marks))
    labels, room = row_axis(list(told.values()), width)
    scale, axis = _scale(marks, max(width - room - 2 * GAP, LEAST), one)
    y = alt.Y("name:N", sort=names, title=None, axis=labels, scale=alt.Scale(paddingInner=0.12, paddingOuter=0.12))
    records = [_record(mark, told[mark.row], one) for mark in shown]
    height = (ROW if len(lanes) == 1 else LANE * len(lanes) + GAP) * len(names) + AXIS
    base = sheet(records, width, height).encode(y=y, color=alt.Color("ink:N", scale=None))
    if len(lanes) > 1:
        base = base.encode(yOffset=alt.YOffset("lane:N", sort=lanes, scale=alt.Scale(domain=lanes)))
    x = alt.X("at:Q", scale=scale, axis=axis, title=title)
    hue = alt.Color("hue:N", scale=None)
    span = base.mark_rule(strokeWidth=2, aria=False).encode(x="low:Q", x2="high:Q", color=hue)
    point = base.mark_point(size=45, strokeWidth=1.8, opacity=1).encode(
        x=x,
        color=hue,
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


def _record(mark: Dot, name: str, one: bool) -> dict[str, object]:
    hue = LIGHT[mark.colour]
    ink = LIGHT["muted" if mark.colour == "grey" else "ink"]
    return asdict(mark) | {
        "name": name,
        "hue": hue, "fill": LIGHT["page"] if mark.hollow else hue, "ink": ink, "left": mark.is_left(one),
    }  # fmt: skip


def row_axis(names: Sequence[str], width: int) -> tuple[alt.Axis, float]:
    """An axis for names of rows, and its pixels. The reader's font may be wider than the font that measures here."""
    font = FONT if width > NARROW else SMALL
    room = BROAD * font * max(map(len, names), default=0)
    limit = WIDEST * width
    return alt.Axis(minExtent=min(room, limit), labelLimit=max(room, limit), labelFontSize=font), min(room, limit)


def distinct(names: Sequence[str]) -> dict[str, str]:
    """Names of stacks without the parts that all of them share."""
    split = [name.split("/") for name in names if "/" in name]
    parts = list(zip(*split, strict=False)) if len({len(each) for each in split}) == 1 else []
    kept = [at for at, part in enumerate(parts) if len(set(part)) > 1]
    if not kept or len(kept) == len(parts):
        return {name: name for name in names}
    return {name: "/".join(name.split("/")[at] for at in kept) if "/" in name else name for name in names}


def _scale(marks: Sequence[Dot], plot: float, one: bool) -> tuple[alt.Scale, alt.Axis]:
    """A log scale with room for each label, and its ticks. It spans a factor of 2, so that equals look equal."""
    ends = [end for mark in marks for end in (mark.low, mark.high)] + ([1.0] if one else [])
    least, most = math.log(min(ends)), math.log(max(ends))
    if most - least < math.log(2):
        least, most = (min(least, math.log(0.9)), max(most, math.log(1.5))) if one else (most - math.log(2), most)
    low, high, spare = least, most, MOST * (most - least)
    for _ in range(ROUNDS):
        pixel = (high - low) / plot
        rooms = [(math.log(mark.low), math.log(mark.high), *mark.room(one)) for mark in marks]
        low = min([least, *(max(left - room * pixel, least - spare) for left, _, room, _ in rooms)])
        high = max([most, *(min(right + room * pixel, most + spare) for _, right, _, room in rooms)])
    label = "format(datum.value, ',.3~r') + '×'" if one else "format(datum.value, ',.3~r')"
    axis = alt.Axis(values=_ticks(low, high, plot), labelExpr=label, titleAnchor="end")
    return alt.Scale(type="log", domain=[math.exp(low), math.exp(high)], nice=False), axis


def _ticks(low: float, high: float, plot: float) -> list[float]:
    """The ticks between two logarithms: the finest steps of a decade whose labels stand apart."""
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    ticks: list[float] = []
    for steps in STEPS:
        known = [float(f"{step}e{power}") for power in decades for step in steps]
        ticks = [tick for tick in known if low <= math.log(tick) <= high]
        if len(ticks) <= MANY and _apart(ticks, plot / (high - low)):
            return ticks
    while not _apart(ticks, plot / (high - low)):
        ticks = ticks[::2]
    return ticks


def _apart(ticks: Sequence[float], pixels: float) -> bool:
    """Whether the labels of ticks stand apart, at `pixels` for each factor of e."""
    room = LETTER * max((len(f"{tick:,g}") for tick in ticks), default=0) + GAP + LETTER
    return all(math.log(after / before) * pixels >= room for before, after in pairwise(ticks))


def _one(floor: float) -> list[alt.Chart]:
    """The line at 1×, on the band of the noise floor where the machine has a bias."""
    line = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(color=LIGHT["muted"], aria=False)
    band = alt.Chart(alt.InlineData(values=[{"low": 1 / (1 + floor), "high": 1 + floor}]))
    drawn = [line.encode(x="one:Q")]
    if floor:
        drawn.insert(0, band.mark_rect(color=LIGHT["band"], aria=False).encode(x="low:Q", x2="high:Q"))
    return drawn

"""The plot of attacks: for each server, how many it does not stand, by what it does instead, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import altair as alt

from bench.analysis import robustness
from bench.analysis.robustness import HIDING, KINDS
from bench.report import charts
from bench.report.attacked import ALONE, PROXIED, Attacked
from bench.report.drawing import Chart, Record, extent, hues, keys, names_axis, sheet

KEYS = (*keys(KINDS[:-1]), (KINDS[-1], "grey"))  # silence breaks no RFC
ROW_PIXELS = 17
LEAST = 100  # pixels of a panel
PADDING = 9  # pixels that an axis needs beside its names


def ranked(found: Iterable[Attacked], place: str) -> list[Attacked]:
    """The stacks of a place with outcomes, by severity: those with the fewest faults of the worst kind first."""
    return sorted((each for each in found if each.place == place and each.rows), key=lambda each: each.severity)


def told(found: Sequence[Attacked]) -> list[str]:
    """The faults of each server alone, in words, and how many of them are hidden requests that it answers."""
    return [_told(each) for each in ranked(found, ALONE)]


def _told(each: Attacked) -> str:
    hidden = robustness.count(each.rows, HIDING)
    return f"{each.stack.label} {each.faults}{f' ({hidden} hidden)' if hidden else ''}"


def chart(found: Sequence[Attacked], width: int) -> Chart:
    """Stacked bars: a panel for each place, side by side where there is room, else one below the other."""
    both = (*ranked(found, ALONE), *ranked(found, PROXIED))
    names = list(dict.fromkeys(each.stack.label for each in both))
    wide = width > charts.NARROW
    beside = extent(names) + PADDING
    room = max(width // 2 - beside if wide else width - beside, LEAST)
    panels = [_bars(ranked(found, place), names, room).properties(title=place) for place in (ALONE, PROXIED)]
    shared: Chart = (alt.hconcat if wide else alt.vconcat)(*panels).resolve_scale(x="shared")
    return shared


def _bars(known: Sequence[Attacked], names: Sequence[str], width: int) -> alt.Chart:
    records: list[Record] = [
        {"server": each.stack.label, "kind": kind, "at": at, "count": count}
        for each in known
        for at, kind in enumerate(KINDS)
        if (count := robustness.count(each.rows, kind))
    ]
    bars: alt.Chart = (
        sheet(records, width, height=ROW_PIXELS * max(len(names), 1))
        .mark_bar(height=11)
        .encode(
            x=alt.X("count:Q", title="attacks", axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y(
                "server:N",
                sort=list(names),
                title=None,
                axis=names_axis(names),
                scale=alt.Scale(domain=list(names)),
            ),
            color=alt.Color("kind:N", sort=list(KINDS), scale=hues(KEYS)),
            order=alt.Order("at:Q"),
        )
    )
    return bars

"""The plot of a ranking, and the rows of its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from bench.report.drawing import Chart, Record, hues, logarithmic, names_axis, sheet
from bench.report.estimates import Figure
from bench.report.ranking import Ranked
from bench.report.rows import Finding, place
from bench.report.table import MICRO, Cell, versus
from bench.report.wording import estimate, judged, scaled

STATES = ("eliminated", "measured to the end", "left out (no room in the budget)")
ROW_PIXELS, AXIS_PIXELS = 19, 45
LEAST, ROOM = 0.8, 1.3  # intervals are drawn down to this ratio, and up to this multiple of the largest estimate


def state(each: Ranked) -> str:
    """The end of a stack in a race, one of `STATES`."""
    return STATES[1] if each.reason is None else STATES[0] if each.after is not None else STATES[2]


def name(each: Ranked, finding: Finding) -> str:
    """The stack, without its variant if the study has only one."""
    return str(each.stack) if finding.compares_cores else place(each.stack, finding.session.plan)


def ladder(finding: Finding, width: int) -> Chart:
    """Each stack's cost relative to the best. Intervals are cut off where they reach far beyond all estimates."""
    top = max(each.behind.ratio.estimate if each.behind.ratio else 1.0 for each in finding.ranking) * ROOM
    data: list[Record] = []
    for each in finding.ranking:
        ratio = each.behind.ratio
        at = ratio.estimate if ratio else 1.0
        low, high = (ratio.low or at, ratio.high or at) if ratio else (at, at)
        told = estimate(each.behind) if ratio else "the best"
        hint = f"{each.stack}: {judged(each.behind)}, {state(each)}" if ratio else f"{each.stack}: the best"
        record = {"name": name(each, finding), "ratio": at, "low": max(low, LEAST), "high": min(high, top)}
        data.append(record | {"told": told, "state": state(each), "hint": hint})
    names = [record["name"] for record in data]
    scale, axis = logarithmic(data, room=0.15)
    base = sheet(data, width, height=ROW_PIXELS * len(data) + AXIS_PIXELS).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=names_axis(names)),
        color=alt.Color("state:N", sort=list(STATES), scale=hues(STATES, "grey")),
    )
    x = alt.X("ratio:Q", scale=scale, axis=axis, title="relative to the best")
    span = base.mark_rule(strokeWidth=2, aria=False).encode(x=alt.X("low:Q"), x2="high:Q")
    point = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, description="hint:N")
    text = base.mark_text(align="left", dx=7, fontSize=11, aria=False).encode(x="high:Q", text="told:N")
    return alt.layer(span, point, text)


def rankings(finding: Finding) -> list[dict[str, Any]]:
    """The rankings of a workload, the finalists' first, each with its load's title and the rows of its table."""
    ranked = [each for each in (finding.ranking, finding.raced) if each]
    return [{"load": finding.catalog.loads[each[0].load].title, "rows": rows(finding, each)} for each in ranked]


def rows(finding: Finding, ranked: Sequence[Ranked]) -> list[dict[str, Any]]:
    """The rows of a ranking's table, a stack each."""
    return [
        {
            "name": name(each, finding),
            "cells": [
                Cell(text=str(rank), order=rank),
                _cell(each.figures.cpu, MICRO),
                _cell(each.figures.rate, 1.0),
                _behind(each),
                Cell(text=str(each.servers), order=each.servers, hint=f"under the load {each.load!r}"),
                Cell(text=until(each), order=each.after or 0, hint=each.reason),
            ],
        }
        for rank, each in enumerate(ranked, 1)
    ]


def until(each: Ranked) -> str:
    """The end of a stack in a race, with the round of its elimination."""
    return f"eliminated after round {each.after}" if each.after is not None else state(each)


def _behind(each: Ranked) -> Cell:
    ratio = each.behind.ratio
    if ratio is None:
        return Cell(text="the best", order=1.0)
    return versus(each.behind, ratio, None if each.behind.significant else each.reason or "no significant difference")


def _cell(figure: Figure, unit: float) -> Cell:
    return Cell(text=scaled(figure, unit), order=figure.value, hint=figure.reason)

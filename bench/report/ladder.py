"""The plot of a ranking, and the rows of its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.report.dots import ALL, Dot, dots
from bench.report.drawing import Chart
from bench.report.estimates import Figure
from bench.report.ranking import Ranked
from bench.report.rows import Finding, place
from bench.report.table import Cell, versus
from bench.report.wording import MICRO, estimate, judged, scaled

STATES = ("eliminated", "measured to the end", "left out (no room in the budget)")
LOOKS = {STATES[0]: ("blue", "hollow"), STATES[1]: ("blue", "block"), STATES[2]: ("orange", "hollow")}
LEAST, ROOM = 0.8, 1.3  # intervals are drawn down to this ratio, and up to this multiple of the largest estimate


def state(each: Ranked) -> str:
    """The end of a stack in a race, one of `STATES`."""
    return STATES[1] if each.reason is None else STATES[0] if each.after is not None else STATES[2]


def name(each: Ranked, finding: Finding) -> str:
    """The stack, without its variant if the study has only one."""
    return str(each.stack) if finding.compares_cores else place(each.stack, finding.session.plan)


def ladder(finding: Finding, width: int, rows: slice = ALL) -> Chart:
    """Each stack's cost relative to the best. Intervals are cut off where they reach far beyond all estimates."""
    top = max(each.behind.ratio.estimate if each.behind.ratio else 1.0 for each in finding.ranking) * ROOM
    marks = [_dot(each, top, finding) for each in finding.ranking]
    return dots(marks, width, "relative to the best", rows)


def _dot(each: Ranked, top: float, finding: Finding) -> Dot:
    """A stack's mark: hollow if a race did not measure it to the end, grey if equal to the best or undecided."""
    ratio = each.behind.ratio
    at = ratio.estimate if ratio else 1.0
    low, high = (ratio.low or at, ratio.high or at) if ratio else (at, at)
    colour, style = LOOKS[state(each)]
    return Dot(
        row=name(each, finding),
        at=at,
        low=max(low, LEAST),
        high=min(high, top),
        told=estimate(each.behind) if ratio else "the best",
        hint=f"{each.stack}: {judged(each.behind)}, {state(each)}" if ratio else f"{each.stack}: the best",
        colour="grey" if ratio and not each.behind.significant else colour,
        hollow=style == "hollow",
    )


def rankings(finding: Finding) -> list[dict[str, Any]]:
    """The rankings of a workload, the finalists' first, each with its load's title and the rows of its table."""
    ranked = [each for each in (finding.ranking, finding.raced) if each]
    return [{"load": finding.catalog.loads[each[0].load].title, "rows": rows(finding, each)} for each in ranked]


def rows(finding: Finding, ranked: Sequence[Ranked]) -> list[dict[str, Any]]:
    """The rows of a ranking's table, a stack each."""
    return [
        {
            "name": name(each, finding),
            "stack": each.stack,
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

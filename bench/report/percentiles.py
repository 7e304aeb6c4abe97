"""The plot of latencies: a panel for each rate, a line for each stack from its median to its highest percentile."""

from __future__ import annotations

import altair as alt

from bench.report import charts
from bench.report.drawing import Chart, Record, hues, keys, sheet
from bench.report.latencies import PERCENTILES, Latencies, cell, levels
from bench.report.rows import Finding
from bench.report.wording import MICRO

HEIGHT = 170
TICKS = tuple(step * 10**power for power in range(1, 9) for step in (1, 3))


def percentiles(finding: Finding) -> Chart:
    """All panels, two to a row."""
    titled = [chart.properties(title=title) for title, chart in panels(finding).items()]
    return alt.vconcat(*(alt.hconcat(*titled[at : at + 2]) for at in range(0, len(titled), 2)))


def panels(finding: Finding) -> dict[str, Chart]:
    """A panel for each rate by its heading, all with one scale."""
    shown = levels(finding.latencies)
    told = [record["us"] for group in shown.values() for record in _records(group)]
    scale = alt.Scale(type="log", domain=[min(told) / 1.3, max(told) * 1.3], nice=False)
    known = {record["percentile"] for group in shown.values() for record in _records(group)}
    across = [name for name in PERCENTILES if name in known]
    return {title: _panel(group, titles(finding), scale, across) for title, group in shown.items()}


def _panel(group: list[Latencies], names: list[str], scale: alt.Scale, across: list[str]) -> Chart:
    axis = alt.Axis(values=TICKS, labelExpr="format(datum.value, ',')")
    base = sheet(_records(group), charts.PANEL - 70, height=HEIGHT).encode(
        x=alt.X("percentile:N", title=None, scale=alt.Scale(domain=across), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("us:Q", title="µs", scale=scale, axis=axis),
        color=alt.Color("name:N", sort=names, scale=hues(keys(names))),
    )
    point = base.mark_point(filled=True, size=50, opacity=1).encode(description="hint:N")
    return alt.layer(base.mark_line(strokeWidth=1.8, aria=False), point)


def titles(finding: Finding) -> list[str]:
    """The stacks of the plot in the order of their colours."""
    return sorted({each.title for each in finding.latencies})


def named(finding: Finding) -> list[tuple[str, str]]:
    """The stacks with their colours."""
    return keys(titles(finding))


def has_figures(finding: Finding) -> bool:
    """Whether there is a percentile to draw."""
    return any(_records([each]) for each in finding.latencies)


def _records(group: list[Latencies]) -> list[Record]:
    return [
        {
            "name": each.title,
            "percentile": name,
            "us": percentile.figure.value / MICRO,
            "hint": f"{each.title}, {name}: {cell(percentile)[0]} µs",
        }
        for each in group
        for name, percentile in each.percentiles.items()
        if percentile.figure.value is not None
    ]

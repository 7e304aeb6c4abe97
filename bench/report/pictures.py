"""The plots of a finding's page in the docs: files beside it, each with a text alternative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import msgspec
import numpy as np

from bench.analysis.text import listed, seconds
from bench.report import charts, drawing, latencies, layers, loads, percentiles, settings, validators
from bench.report.dots import Dot, dots
from bench.report.drawing import Chart, Record, hues, keys, sheet
from bench.report.ladder import LOOKS, STATES, ladder
from bench.report.look import LIGHT
from bench.report.overview import MOST_ROWS
from bench.report.ranking import ranked_by
from bench.report.rows import Course, Finding
from bench.report.targets import TargetResult
from bench.report.wording import MICRO, estimate, judged

ROW_PIXELS = 19
TICKS = tuple(step * 10**power for power in range(8) for step in (1, 2, 3, 5))
MAIN = ("effects", "overload", "survival", "speedups", "times", "ranking", "spent")  # the most telling kind first
FEW = 5  # stacks that a text alternative names


class Picture(msgspec.Struct, frozen=True):
    """A chart of a workload: the suffix of its file name, its title, and its figures in words."""

    workload: str
    kind: str
    title: str
    words: str
    chart: Chart

    @property
    def name(self) -> str:
        """The suffix of its file name."""
        return "-".join(filter(None, (self.workload, self.kind)))

    def svg(self) -> str:
        """The drawing, with a background of its own, as the reader's may be dark."""
        return drawing.svg(self.chart, background=LIGHT["page"], padding=10) + "\n"


def pictures(finding: Finding) -> Iterator[Picture]:
    """The plots for which a study has figures, workload by workload; none for a study without subjects to compare."""
    for each in () if finding.study.selftest or finding.study.factors else finding.each:
        where = f", {each.title}" if finding.others else ""
        if each is finding and any(found.significant for row in _settings(finding) if (found := row.comparison)):
            title = "Server CPU, or the figure named, relative to the same without the setting, on a log scale"
            yield Picture("", "effects", title, " ".join(settings.answers(finding)), effects(finding))
        if finding.ranks_stacks and len(each.ranking) > 1:
            by = ranked_by(each.catalog.workloads[each.workload])
            title = f"Cost relative to the best, by {by}{where}, on a log scale{_most(len(each.ranking))}"
            states = [(name, *LOOKS[name]) for name in STATES] if each.session.race else []
            shown = with_keys(ladder(each, charts.WIDE, slice(MOST_ROWS)), [*states, charts.UNDECIDED])
            yield Picture(each.workload, "ranking", title, _ranked(each), shown)
        elif (known := len([row for row in each.rows if row.cpu.value is not None])) > 1:
            title = f"Server CPU per request{where}, in µs on a log scale{_most(known)}"
            shown = with_keys(charts.spent(each, charts.WIDE, slice(MOST_ROWS)), list(charts.kinds(each).items()))
            yield Picture(each.workload, "spent", title, _cheapest(each), shown)
        if figures := validators.told(each):
            title = f"Time of a document{where}, in µs on a log scale"
            shown = with_keys(validators.drawn(each, charts.WIDE), validators.KEYS)
            yield Picture(each.workload, "times", title, listed(figures), shown)
        elif len([core for core in each.cores if core.speedup.ratio]) > 1:
            what, chart = ("survival", charts.survival) if _served(each) else ("speedups", charts.speedups)
            title = "Times as fast as the baseline" + (", alone and behind each server" if _served(each) else "")
            shown = chart(each, charts.WIDE)
            named = keys([charts.ALONE, *each.places], "ink") if _served(each) else []
            keyed = with_keys(shown, [*named, charts.UNDECIDED])
            yield Picture(each.workload, what, title + where, _fastest(each), keyed)
        if told := layers.told(each):
            shown = with_keys(layers.added(each, charts.WIDE), layers.lanes(each))
            yield Picture(each.workload, "added", f"Added to a request{where}, in µs on a log scale", told, shown)
        if any(loads.has_result(course) for course in each.open):
            title = f"Median latency second by second{where}, on a log scale, above the rate as a multiple of capacity"
            yield Picture(each.workload, "overload", title, loads.answer(each), overloads(each))
        if percentiles.has_figures(each):
            title = f"Latency from the intended start{where}, in µs on a log scale"
            shown = with_keys(percentiles.percentiles(each), percentiles.named(each))
            yield Picture(each.workload, "latency", title, latencies.sentence(each.latencies) or title, shown)
        if warming := [course for course in each.closed if course.series.get("warmup")]:
            title = f"Server CPU per request of a fresh server, second by second{where}, in µs on a log scale"
            yield Picture(each.workload, "warming", title, _warmed(warming), warm(warming))


def main_picture(drawn: Sequence[Picture]) -> Picture | None:
    """The plot that answers: the first of the most telling kind; None without any."""
    return min(drawn, key=lambda each: MAIN.index(each.kind) if each.kind in MAIN else len(MAIN), default=None)


def effects(finding: Finding) -> Chart:
    """The largest effects of settings, each with its interval: what lowers a figure first."""
    marks = [
        Dot(
            row=", ".join(part for part in settings.named(finding, row) if part != settings.FIGURES["cpu"]),
            at=ratio.estimate,
            low=ratio.low or ratio.estimate,
            high=ratio.high or ratio.estimate,
            told=estimate(found),
            hint=judged(found),
            colour="blue" if ratio.estimate < 1 else "orange",
        )
        for row in settings.by_effect(finding.targets)
        if (found := row.comparison) and found.significant and (ratio := found.ratio)
    ]
    return dots(marks[:MOST_ROWS], charts.WIDE, "relative to the same without it")


def overloads(finding: Finding) -> Chart:
    """The open loads side by side."""
    names = list(dict.fromkeys(course.load for course in finding.open))
    panels = [charts.latencies(finding, name).properties(title=finding.catalog.loads[name].title) for name in names]
    named = [(f"{title} (dashed)" if peer else title, colour) for title, colour, peer in charts.contestants(finding)]
    return with_keys(alt.hconcat(*panels), named)


def warm(courses: list[Course]) -> Chart:
    """Server CPU per request of each second since the first request, a line for each server."""
    names = list(dict.fromkeys(str(course.stack) for course in courses))
    records: list[Record] = [
        {"second": second, "us": (used or 0.0) / MICRO, "name": str(course.stack), "server": course.block}
        for course in courses
        for second, _, used in course.series["warmup"]
    ]
    line: alt.Chart = sheet(records, charts.WIDE, height=220).mark_line(strokeWidth=1.8).encode(
        x=alt.X("second:Q", title="seconds since the first request", axis=alt.Axis(format="d")),
        y=alt.Y("us:Q", title="µs a request", **_microseconds([record["us"] for record in records])),
        color=alt.Color("name:N", sort=names, scale=hues(keys(names))),
        detail="server:N",
    )  # fmt: skip
    return with_keys(line, keys(names))


def _microseconds(shown: list[float]) -> dict[str, Any]:
    """A log scale with ticks at 1, 2, 3 and 5."""
    low, high = min(shown) / 1.4, max(shown) * 1.4
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axis = alt.Axis(values=ticks, labelExpr="format(datum.value, ',')", labelOverlap="greedy")
    return {"scale": alt.Scale(type="log", domain=[low, high], nice=False), "axis": axis}


def with_keys(chart: Chart, named: Sequence[tuple[str, ...]]) -> Chart:
    """The chart below a key to its colours, as a file has no page around it. A third word `hollow` is a style."""
    records: list[Record] = []
    at, line = 0, 0
    for name, colour, *style in named:
        if at and at + 8 * len(name) > charts.WIDE:
            at, line = 0, line + 1
        fill = LIGHT["page"] if style == ["hollow"] else LIGHT[colour]
        records.append({"name": name, "at": at, "line": line, "colour": LIGHT[colour], "fill": fill})
        at += 8 * len(name) + 40
    base = sheet(records, charts.WIDE, height=ROW_PIXELS * (line + 1)).encode(
        x=alt.X("at:Q", axis=None, scale=alt.Scale(domain=[0, charts.WIDE])),
        y=alt.Y("line:O", axis=None),
        color=alt.Color("colour:N", scale=None),
    )
    text = base.mark_text(align="left", dx=10).encode(text="name:N", color=alt.value(LIGHT["ink"]))
    square = base.mark_point(shape="square", size=70, opacity=1).encode(fill=alt.Fill("fill:N", scale=None))
    return alt.vconcat(alt.layer(square, text), chart)


def _settings(finding: Finding) -> Sequence[TargetResult]:
    """The targets of a study of settings; none of another."""
    return finding.targets if settings.only_settings(finding.targets) else ()


def _served(finding: Finding) -> bool:
    return any(row.speedup.ratio and not row.core.baseline for row in finding.rows)


def _most(rows: int) -> str:
    """What a title says where not all rows are drawn."""
    return f" (the first {MOST_ROWS} of {rows})" if rows > MOST_ROWS else ""


def _ranked(finding: Finding) -> str:
    best, *others = finding.ranking
    told = [f"{each.stack} {estimate(each.behind)}" for each in others[: MOST_ROWS - 1] if each.behind.ratio]
    return f"Relative to {best.stack}: {listed(told)}"


def _cheapest(finding: Finding) -> str:
    told = [f"{row.stack} {seconds(row.cpu.value)}" for row in finding.rows if row.cpu.value is not None]
    return f"Least: {listed(told[:FEW])}. Most: {told[-1]}"


def _fastest(finding: Finding) -> str:
    others = [core for core in finding.cores if core.speedup.ratio and not core.baseline]
    told = [f"{core.title} {estimate(core.speedup)}" for core in others]
    return f"Cores alone: {listed(told)}"


def _warmed(courses: list[Course]) -> str:
    """Server CPU per request of each stack in its first and last second."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for course in courses:
        used = [row[2] or 0.0 for row in course.series["warmup"]]
        ends.setdefault(str(course.stack), []).append((used[0], used[-1]))
    return listed(
        [
            f"{name} from {seconds(float(np.mean(pairs, axis=0)[0]))} to {seconds(float(np.mean(pairs, axis=0)[1]))}"
            for name, pairs in ends.items()
        ]
    )

"""The answers, the tables and the plot of a study of deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

import altair as alt

from bench.analysis.stats import Ratio
from bench.analysis.text import listed, number
from bench.measure.instruments.delivered import COLD, DEPENDENCY, LINE, STEPS
from bench.report.charts import WIDE
from bench.report.delivered import TOTAL, Delivered
from bench.report.dots import AXIS, LETTER, ROW, row_axis
from bench.report.drawing import Chart, Record, hues, keys, sheet
from bench.report.markdown import Table
from bench.report.overview import MOST_ROWS
from bench.report.pictures import Picture, with_keys
from bench.report.rows import Finding
from bench.report.wording import KILO, estimate, fitting, judged

TITLES = {
    LINE: "After one changed line",
    COLD: "The first delivery, from empty caches",
    DEPENDENCY: "After a changed dependency",
}
LEADS = {
    LINE: "Right answer after one changed line",
    COLD: "From empty caches",
    DEPENDENCY: "After a changed dependency",
}
CUT = 5.0  # a bar longer than this multiple of the median is cut


def answers(finding: Finding) -> Iterator[str]:
    """The fastest delivery of each language after each kind of change."""
    for change, lead in LEADS.items():
        best: dict[str, Delivered] = {}
        for row in of(finding, change):
            best.setdefault(row.language, row)
        told = [f"{row.title} {_seconds(row.total)} s" for row in best.values()]
        if told:
            yield fitting(lead, told, ": ")


def of(finding: Finding, change: str) -> list[Delivered]:
    """The deliveries with figures after one kind of change, the fastest first."""
    known = [(row.total.estimate, row) for row in finding.delivered if row.change == change and row.total]
    return [row for _, row in sorted(known, key=lambda each: each[0])]


def steps(finding: Finding, change: str) -> Table:
    """A row for each delivery: seconds by step, and until the first right answer."""
    heading = ["delivery", *(f"{step}, s" for step in STEPS), "first right answer, s", f"÷ {_first(finding)}"]
    rows = [
        [
            row.title,
            *(number(row.steps[step]) for step in STEPS),
            _interval(row.total),
            estimate(row.slower[TOTAL]) if TOTAL in row.slower else "1×",
        ]
        for row in of(finding, change)
    ]
    return [heading, *rows] if rows else []


def costs(finding: Finding) -> Table:
    """A row for each delivery: CPU time and bytes after each kind of change, and its tests."""
    heading = ["delivery", "CPU after a line, s", "CPU from empty caches, s"]
    heading += ["shipped after a line, kB", "shipped from empty caches, kB", "tests", "tests alone, s"]
    cold = {row.delivery: row for row in of(finding, COLD)}
    rows = [
        [
            row.title,
            _interval(row.cpu),
            _interval(cold[row.delivery].cpu),
            _kilobytes(row.shipped),
            _kilobytes(cold[row.delivery].shipped),
            str(row.tests),
            _number(row.running),
        ]
        for row in of(finding, LINE)
        if row.delivery in cold
    ]
    return [heading, *rows] if rows else []


def losses(finding: Finding) -> Table:
    """Where the study's first delivery takes longer than one of another language, the largest ratio first."""
    first = {row.change: row for row in finding.delivered if row.title == _first(finding)}
    lost = [
        (found.ratio.estimate, row, step)
        for row in finding.delivered
        for step, found in row.slower.items()
        if found.ratio and found.significant and found.ratio.estimate < 1
        and row.language != first[row.change].language
    ]  # fmt: skip
    rows = [
        [
            TITLES[row.change],
            "in all" if step == TOTAL else step,
            _seconds(own.total) if step == TOTAL else number(own.steps[step]),
            row.title,
            _seconds(row.total) if step == TOTAL else number(row.steps[step]),
            judged(row.slower[step]),
        ]
        for _, row, step in sorted(lost, key=lambda each: each[0])[:MOST_ROWS]
        if (own := first[row.change])
    ]
    return (
        [["change", "step", f"{_first(finding)}, s", "delivery", "its time, s", "its time relative"], *rows]
        if rows
        else []
    )


def tables(finding: Finding) -> dict[str, Table]:
    """All tables of the study by title, without empty ones."""
    found = {TITLES[change]: steps(finding, change) for change in TITLES}
    found |= {"CPU time, bytes and tests": costs(finding), f"Where {_first(finding)} loses": losses(finding)}
    return {title: rows for title, rows in found.items() if rows} if finding.delivered else {}


def without_figures(finding: Finding) -> list[str]:
    """What failed, with its reason."""
    return list(dict.fromkeys(f"{row.title}: {row.reason}" for row in finding.delivered if row.reason))


def picture(finding: Finding) -> Picture:
    """The steps after one changed line, as bars."""
    rows = of(finding, LINE)
    words = listed([f"{row.title} {_seconds(row.total)} s" for row in rows])
    return Picture(
        "", "steps", "Seconds by step after one changed line", words, with_keys(chart(finding, WIDE), keys(STEPS))
    )


def chart(finding: Finding, width: int) -> Chart:
    """A bar of steps for each delivery after one changed line, the fastest first. Very long bars are cut."""
    rows = [(row, row.total.estimate) for row in of(finding, LINE) if row.total]
    end = max(total for _, total in rows if total <= CUT * median(total for _, total in rows))
    names = [row.title for row, _ in rows]
    records: list[Record] = [
        {
            "name": row.title, "step": step, "rank": rank, "seconds": shown,
            "hint": f"{row.title}: {step} {number(row.steps[step])} s",
        }
        for row, _ in rows for rank, (step, shown) in enumerate(_until(end, row.steps))
    ]  # fmt: skip
    totals: list[Record] = [
        {"name": row.title, "seconds": min(total, end), "told": f"{number(total)} s{' (cut)' * (total > end)}"}
        for row, total in rows
    ]
    axis, room = row_axis(names, width)
    longest = max(len(str(each["told"])) for each in totals)
    top = end / max(0.2, 1 - LETTER * longest / (width - room))
    y = alt.Y("name:N", sort=names, title=None, axis=axis)
    x = alt.X("seconds:Q", title="seconds", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(titleAnchor="end"))
    height = ROW * len(names) + AXIS
    bar = sheet(records, width, height).mark_bar(height=10).encode(
        x=x, y=y, color=alt.Color("step:N", scale=hues(keys(STEPS))), order="rank:O", description="hint:N"
    )  # fmt: skip
    text = sheet(totals, width, height).mark_text(align="left", dx=6, fontSize=11, aria=False)
    return alt.layer(bar, text.encode(x="seconds:Q", y=y, text="told:N"))


def _until(end: float, steps: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """The part of each step that lies before `end`: the label of a bar that is cut stands behind it."""
    left = end
    for step in STEPS:
        yield step, min(steps[step], left)
        left -= min(steps[step], left)


def _first(finding: Finding) -> str:
    """The title of the study's first delivery."""
    return finding.delivered[0].title if finding.delivered else ""


def _seconds(total: Ratio | None) -> str:
    return number(total.estimate) if total else "—"


def _interval(found: Ratio | None) -> str:
    """A mean with the ends of its interval."""
    if found is None or found.low is None or found.high is None:
        return _seconds(found)
    return f"{number(found.estimate)} ({number(found.low)}–{number(found.high)})"


def _kilobytes(value: float | None) -> str:
    return "—" if value is None else number(value / KILO)


def _number(value: float | None) -> str:
    return "—" if value is None else number(value)

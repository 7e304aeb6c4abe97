"""The plots of the report: drawings, their text alternatives, their colour keys and the command that repeats them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.analysis.text import listed
from bench.durations import written
from bench.measure.instruments.sizes import PARTS
from bench.report import charts, latencies, percentiles
from bench.report.drawing import Chart, draw, keys
from bench.report.ladder import STATES, ladder, state
from bench.report.rows import Core, Finding
from bench.report.wording import estimate, milliseconds, scaled

LAB = ".venv/bin/python -m bench"
KINDS = {"unpacked": "As installed", "stripped": "Symbols stripped", "compressed": "Stripped and compressed"}


class Key(msgspec.Struct, frozen=True):
    """The meaning of a colour; `style` is `block`, `line` or `dashes`."""

    label: str
    colour: str
    style: str = "block"


class Panel(msgspec.Struct, frozen=True):
    """One drawing and its text alternative. `narrow` is a drawing for phones, where the first one does not fit."""

    title: str
    words: str
    svg: str
    narrow: str = ""


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """The panels of a plot, none without figures. `again` is the command that repeats them."""

    keys: tuple[Key, ...] = ()
    panels: tuple[Panel, ...]
    again: str


def plots(finding: Finding) -> dict[str, Plot]:
    """Every plot by the name of its section."""
    return {
        "ranking": _ranking(finding),
        "speedups": _speedups(finding),
        "survival": _survival(finding),
        "latency": _latency(finding),
        "percentiles": _percentiles(finding),
        "memory": _memory(finding),
        "sizes": _sizes(finding),
    }


def rerun(finding: Finding) -> str:
    """The command that measures this study again."""
    study = finding.study
    race = finding.session.race
    budget = f" --budget {written(race.budget_seconds)}" if race else ""
    if study.words:
        return f"{LAB} {study.words}{budget} --force"
    name = study.name
    if study.only:
        name = f"{name.removesuffix(f'-{study.only}')} --variant {study.only}"
    return f"{LAB} run {name}{budget} --force"


def _ranking(finding: Finding) -> Plot:
    told = [f"{each.stack} {estimate(each.behind)}" for each in finding.ranking if each.behind.ratio]
    shown = finding.ranks_stacks and told
    wide, narrow = (ladder(finding, width) if shown else None for width in (charts.WIDE, charts.NARROW))
    words = f"Relative to {finding.ranking[0].stack}: {listed(told)}" if shown else ""
    name = f"{finding.workload}-ranking"
    panels = (Panel("", words, draw(wide, name), draw(narrow, f"{name}-narrow")),) if wide and narrow else ()
    states = [pair for pair in keys(STATES, "grey") if pair[0] in {state(each) for each in finding.ranking}]
    return Plot(keys=tuple(Key(*pair) for pair in states), panels=panels, again=rerun(finding))


def _speedups(finding: Finding) -> Plot:
    told = [f"{core.title} {_speedup(core)}" for core in finding.cores if core.speedup.ratio]
    study = finding.study
    return Plot(
        panels=_both(charts.speedups, finding, told),
        again=f"{LAB} compare {study.name}/{study.baseline} {study.name}/{finding.cores[0].variant}",
    )


def _speedup(core: Core) -> str:
    return "1×" if core.baseline else estimate(core.speedup)


def _survival(finding: Finding) -> Plot:
    rows = [row for row in finding.rows if not row.core.baseline]
    told = [f"{row.stack} {estimate(row.speedup)}" for row in rows if row.speedup.ratio]
    places = keys([charts.ALONE, *finding.places], "ink")
    return Plot(
        keys=tuple(Key(*pair) for pair in places), panels=_both(charts.survival, finding, told), again=rerun(finding)
    )


def _latency(finding: Finding) -> Plot:
    shown = [course for course in finding.open if course.series.get("latency")]
    panels = []
    for load in dict.fromkeys(course.load for course in shown):
        worst = [(course.title, course.percentiles["max"]) for course in shown if course.load == load]
        told = listed([f"{title} {milliseconds(figure)} ms" for title, figure in worst])
        svg = draw(charts.latencies(finding, load), f"{finding.workload}-latency-{load}")
        words = f"Median latency second by second. Longest latency: {told}"
        panels.append(Panel(finding.catalog.loads[load].title, words, svg))
    names = [Key(title, hue, "dashes" if peer else "line") for title, hue, peer in charts.contestants(finding)]
    return Plot(keys=tuple(names), panels=tuple(panels), again=rerun(finding))


def _percentiles(finding: Finding) -> Plot:
    if not percentiles.has_figures(finding):
        return Plot(panels=(), again=rerun(finding))
    names = tuple(Key(*pair, "line") for pair in percentiles.named(finding))
    words = latencies.sentence(finding.latencies)
    panels = [
        Panel(title, words, draw(chart, f"{finding.workload}-percentiles-{at}"))
        for at, (title, chart) in enumerate(percentiles.panels(finding).items())
    ]
    return Plot(keys=names, panels=tuple(panels), again=rerun(finding))


def _memory(finding: Finding) -> Plot:
    panels = []
    for core in (*finding.cores, *finding.peers):
        rows = [row for row in finding.rows if row.core is core and row.memory.value is not None]
        if rows:
            told = listed([f"{scaled(row.memory, charts.MEGA)} MB behind {row.place}" for row in rows])
            svg = draw(charts.memory(finding, core.variant), f"{finding.workload}-memory-{core.variant}")
            panels.append(Panel(core.title, f"Memory from idle to after the load. Peak: {told}", svg))
    held = {course.place for course in finding.closed}
    places = keys([place for place in finding.places if place in held])
    return Plot(keys=tuple(Key(*pair, "line") for pair in places), panels=tuple(panels), again=rerun(finding))


def _sizes(finding: Finding) -> Plot:
    rows = [row for row in finding.rows if row.parts]
    told = listed([f"{row.stack} {scaled(row.compressed, charts.MEGA)} MB" for row in rows])
    panels = [
        Panel(
            title,
            f"Bytes by part. Compressed: {told}",
            draw(charts.sizes(finding, kind), f"{finding.workload}-sizes-{kind}"),
        )
        for kind, title in KINDS.items()
        if rows
    ]
    parts = zip(PARTS, charts.PART_COLOURS, strict=True)
    return Plot(keys=tuple(Key(*pair) for pair in parts), panels=tuple(panels), again=f"{LAB} size")


def _both(chart: Callable[[Finding, int], Chart], finding: Finding, told: list[str]) -> tuple[Panel, ...]:
    """One plot drawn for desktops and phones; none without figures, or for a study of open loads."""
    if not told or finding.study.open:
        return ()
    name = f"{finding.workload}-{chart.__name__}"
    wide, narrow = chart(finding, charts.WIDE), chart(finding, charts.NARROW)
    words = f"Times as fast as the baseline: {listed(told)}"
    return (Panel("", words, draw(wide, name), draw(narrow, f"{name}-narrow")),)

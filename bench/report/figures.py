"""The plots of the report: drawings, their text alternatives, their colour keys and the command that repeats them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bench.analysis.text import listed, number
from bench.build.contents import PARTS
from bench.durations import written
from bench.report import attacks, charts, latencies, layers, outcomes, percentiles, validators
from bench.report.drawing import Chart, draw, keys
from bench.report.ladder import LOOKS, STATES, ladder, state
from bench.report.rows import Core, Finding
from bench.report.targets import TargetResult
from bench.report.wording import MEGA, MICRO, estimate, microseconds, scaled

FEW, SPARE = 12, 3  # rows of a plot before the rest; fewer than this many more stay with them
LAB = ".venv/bin/python -m bench"


class Key(msgspec.Struct, frozen=True):
    """The meaning of a colour; `style` is `block`, `hollow`, `square`, `line` or `dashes`."""

    label: str
    colour: str
    style: str = "block"


UNDECIDED = Key(*charts.UNDECIDED)


class Panel(msgspec.Struct, frozen=True):
    """One drawing and its text alternative. `narrow` is a drawing for phones, where the first one does not fit.

    `rest` is a panel of the rows that the drawing leaves out, `count` their number.
    """

    title: str
    words: str
    svg: str
    narrow: str = ""
    rest: Panel | None = None
    count: int = 0


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """The panels of a plot, none without figures. `again` is the command that repeats them."""

    keys: tuple[Key, ...] = ()
    panels: tuple[Panel, ...]
    again: str


def plots(finding: Finding, targets: Sequence[TargetResult] = ()) -> dict[str, Plot]:
    """The plots of a workload by the name of their section, in the page's order; `targets` are those of the study."""
    return {
        "attacks": _attacks(finding),
        "outcomes": _outcomes(finding, targets),
        "breaks": _breaks(finding),
        "ranking": _ranking(finding),
        "spent": _spent(finding),
        "survival": _survival(finding),
        "speedups": _speedups(finding),
        "times": _times(finding),
        "added": _added(finding),
        "overload": _overload(finding),
        "latency": _latency(finding),
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


def _attacks(finding: Finding) -> Plot:
    found = finding.attacked

    def faults(_: Finding, width: int, __: slice) -> Chart:
        return attacks.chart(found, width)

    named = [Key(*pair) for pair in attacks.KEYS]
    return _plot(faults, finding, attacks.told(found), named, 1)


def _outcomes(finding: Finding, targets: Sequence[TargetResult]) -> Plot:
    found = outcomes.ratios(finding, targets)
    told = [f"{each.target.title} {each.text}" for each in found.values()]
    known = [each for each in ("met", "missed") if each in {one.outcome for one in found.values()}]
    named = [*(Key(each, outcomes.COLOURS[each]) for each in known), UNDECIDED]
    named += [Key("memory", "blue", "hollow")] if any(metric == "memory" for _, metric in found) else []

    def ratios(_: Finding, width: int, rows: slice) -> Chart:
        return outcomes.outcomes(found, width, rows)

    return _plot(ratios, finding, told, named, len({subject for subject, _ in found}))


def _breaks(finding: Finding) -> Plot:
    known = [(course.title, course.overload.broke) for course in finding.open if course.overload]
    told = [f"{title} {number(broke.share)}× capacity" for title, broke in known if broke]
    stacks = {course.stack for course in finding.open if course.overload and not course.overload.unknown}
    pairs = keys(list(dict.fromkeys(course.load for course in finding.open)))
    named = [Key(finding.catalog.loads[load].title, colour) for load, colour in pairs]
    named += [Key("holds, at the most that was answered", "ink", "hollow")]
    return _plot(charts.breaks, finding, told, named, len(stacks))


def _ranking(finding: Finding) -> Plot:
    told = [f"{each.stack} {estimate(each.behind)}" for each in finding.ranking if each.behind.ratio]
    shown = told if finding.ranks_stacks and not finding.study.open else []
    states = [each for each in STATES if each in {state(ranked) for ranked in finding.ranking}]
    named = [Key(each, *LOOKS[each]) for each in states] if len(states) > 1 else []
    named += [UNDECIDED] if any(each.behind.ratio and not each.behind.significant for each in finding.ranking) else []
    return _plot(ladder, finding, shown, named, len(finding.ranking))


def _spent(finding: Finding) -> Plot:
    rows = [row for row in finding.rows if row.cpu.value is not None]
    told = [f"{row.stack} {scaled(row.cpu, MICRO)} µs" for row in rows]
    shown = told if finding.peers and not (finding.study.open or finding.ranks_stacks) else []
    return _plot(charts.spent, finding, shown, _kinds(finding), len(rows))


def _survival(finding: Finding) -> Plot:
    rows = [row for row in finding.rows if not row.core.baseline and row.speedup.ratio]
    told = [f"{row.stack} {estimate(row.speedup)}" for row in rows]
    named = [Key(*pair) for pair in keys([charts.ALONE, *finding.places], "ink")]
    shown = {row.core.variant for row in rows} if _survives(finding) else ()
    return _plot(charts.survival, finding, told if shown else [], [*named, UNDECIDED], len(shown))


def _survives(finding: Finding) -> bool:
    """Whether the plot of speed-ups has those behind servers beside those alone."""
    return bool(finding.compares_cores and finding.study.micro and finding.study.macro and not finding.study.open)


def _speedups(finding: Finding) -> Plot:
    told = [f"{core.title} {_speedup(core)}" for core in finding.cores if core.speedup.ratio]
    study = finding.study
    elsewhere = _survives(finding) or validators.compared(finding)
    drawn = _plot(charts.speedups, finding, [] if elsewhere else told, [UNDECIDED], len(told))
    fastest = next((core for core in finding.cores if not core.baseline), finding.baseline)
    pair = f"{study.name}/{study.baseline} {study.name}/{fastest.variant}"
    return msgspec.structs.replace(drawn, again=f"{LAB} compare {pair}")


def _times(finding: Finding) -> Plot:
    told = validators.told(finding)
    return _plot(validators.drawn, finding, told, [Key(*pair) for pair in validators.KEYS], len(told))


def _added(finding: Finding) -> Plot:
    told = [layers.told(finding)] if layers.told(finding) else []
    named = [Key(*pair) for pair in layers.lanes(finding)]
    return _plot(layers.added, finding, told, named, len({row.layering for row in finding.layered.rows}))


def _speedup(core: Core) -> str:
    return "1×" if core.baseline else estimate(core.speedup)


def _overload(finding: Finding) -> Plot:
    shown = [course for course in finding.open if course.series.get("latency")]
    panels = []
    for load in dict.fromkeys(course.load for course in shown):
        worst = [(course.title, course.percentiles["max"]) for course in shown if course.load == load]
        told = listed([f"{title} {microseconds(figure)} µs" for title, figure in worst])
        svg = draw(charts.latencies(finding, load), f"{finding.workload}-overload-{load}")
        words = f"Median latency second by second. Longest latency: {told}"
        panels.append(Panel(finding.catalog.loads[load].title, words, svg))
    names = [Key(title, hue, "dashes" if peer else "line") for title, hue, peer in charts.contestants(finding)]
    return Plot(keys=tuple(names), panels=tuple(panels), again=rerun(finding))


def _latency(finding: Finding) -> Plot:
    if not percentiles.has_figures(finding):
        return Plot(panels=(), again=rerun(finding))
    names = tuple(Key(*pair, "line") for pair in percentiles.named(finding))
    words = latencies.sentence(finding.latencies)
    panels = [
        Panel(title, words, draw(chart, f"{finding.workload}-latency-{at}"))
        for at, (title, chart) in enumerate(percentiles.panels(finding).items())
    ]
    return Plot(keys=names, panels=tuple(panels), again=rerun(finding))


def _memory(finding: Finding) -> Plot:
    rows = sorted((row for row in finding.rows if row.memory.value), key=lambda row: row.memory.value or 0.0)
    told = [f"{row.stack} {scaled(row.memory, MEGA)} MB" for row in rows]
    stacks = {course.stack for course in finding.closed if course.memory}
    return _plot(charts.memory, finding, told if stacks else [], _kinds(finding), len(stacks))


def _kinds(finding: Finding) -> list[Key]:
    """The colours of the stacks; none where all have the same."""
    named = [Key(*pair) for pair in charts.kinds(finding).items()]
    return named if len(named) > 1 else []


def _sizes(finding: Finding) -> Plot:
    rows = [row for row in finding.rows if row.parts]
    told = [f"{row.stack} {scaled(row.compressed, MEGA)} MB" for row in rows]
    named = [Key(*pair, "square") for pair in zip(PARTS, charts.PART_COLOURS, strict=True)]
    return msgspec.structs.replace(_plot(charts.sizes, finding, told, named, len(rows)), again=f"{LAB} size")


def _plot(chart: Callable[..., Chart], finding: Finding, told: list[str], named: Sequence[Key], rows: int) -> Plot:
    """A plot of one panel, drawn for desktops and phones. Its `rows` after the first `FEW` are a panel of their own."""
    if not told:
        return Plot(panels=(), again=rerun(finding))
    cut = FEW if rows > FEW + SPARE else rows
    rest = _panel(chart, finding, told, slice(cut, rows)) if cut < rows else None
    panel = _panel(chart, finding, told, slice(0, cut))
    panel = msgspec.structs.replace(panel, rest=rest, count=rows - cut)
    return Plot(keys=tuple(named), panels=(panel,), again=rerun(finding))


def _panel(chart: Callable[..., Chart], finding: Finding, told: list[str], part: slice) -> Panel:
    name = f"{finding.workload}-{chart.__name__}-{part.start}"
    wide, narrow = (chart(finding, width, part) for width in (charts.WIDE, charts.NARROW))
    return Panel("", listed(told), draw(wide, name), draw(narrow, f"{name}-narrow"))

"""The answer, the tables and the plot of a study of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analysis.text import listed, number
from bench.report import charts, naming
from bench.report.dots import ALL, Dot, dots
from bench.report.drawing import Chart, keys
from bench.report.layered import HEADINGS, LayerResult, amount, cells, drawable
from bench.report.markdown import Table
from bench.report.rows import Finding
from bench.report.wording import MICRO, NO_FRAMEWORK, fitting

AXIS = "µs that a request takes more than through no layer"


def answers(finding: Finding) -> Iterator[str]:
    """For each workload, what layers add on the study's first framework; then what the yardsticks add."""
    study = finding.study
    for each in finding.each:
        known = {row.layering: row for row in each.layered.rows if _is_usual(each, row, study.frameworks[0])}
        first, *others = known.values()
        lead = f"{naming.work(each)} {_on(study.frameworks[0])}"
        if first.time is None:
            yield fitting(f"{lead}: no answer, a request without a layer has no figure")
            continue
        parts = [
            f"{short(each, row.layering)} {_adds(row)}" for row in others if row.added and not _is_beside(each, row)
        ]
        yield fitting(f"{lead}: a request takes {number(first.time.estimate / MICRO)} µs", parts)
    beside = [row for row in finding.layered.figures if _is_beside(finding, row) and row.added]
    if beside:
        told = [f"{short(finding, row.layering)} {_adds(row)} {_on(row.framework)}" for row in beside]
        yield fitting(f"Beside it, {naming.work(finding).lower()}: {told[0]}", told[1:], ", ")


def table(finding: Finding) -> Table:
    """A row for each layer, a column for each framework: what the layer adds to a request on the baseline's core."""
    study, found = finding.study, finding.layered
    named = study.layers.named if study.layers else ()
    heading = ["layer", *(f"{name}, µs" for name in study.frameworks)]
    rows = []
    for layer in named:
        own = [found.of(study.baseline, framework, layer) for framework in study.frameworks]
        rows.append([title(finding, layer), *(_cell(row) for row in own)])
    return [heading, *rows]


def rows(finding: Finding) -> Table:
    """Every figure of a workload, named by framework and layering, and by the variant if there are several."""
    several = len(finding.study.variants) > 1
    heading = ["variant/framework/layering" if several else "framework/layering", *HEADINGS]
    return [heading, *([_named(row, several=several), *cells(row)] for row in finding.layered.rows)]


def added(finding: Finding, width: int, part: slice = ALL) -> Chart:
    """What each layer adds, with its interval, a lane for each framework; those that may be noise are left out."""
    colours = dict(lanes(finding))
    marks = [
        Dot(
            row=short(finding, row.layering),
            at=row.added.seconds / MICRO,
            low=(row.added.low or row.added.seconds) / MICRO,
            high=(row.added.high or row.added.seconds) / MICRO,
            told=number(row.added.seconds / MICRO),
            hint=f"{row.framework}, {short(finding, row.layering)}: {amount(row)} µs",
            colour=colours[row.framework],
            lane=row.framework,
        )
        for row in drawable(finding.layered.rows)
        if row.added and row.variant == finding.study.baseline
    ]
    return dots(marks, width, AXIS if width == charts.WIDE else "µs a request", part, one=False)


def lanes(finding: Finding) -> list[tuple[str, str]]:
    """The frameworks with their colours."""
    return keys(list(finding.study.frameworks))


def told(finding: Finding) -> str:
    """The figures of the plot in words, for the study's first framework; empty where nothing can be drawn."""
    first = finding.study.frameworks[0]
    known = [row for row in drawable(finding.layered.rows) if row.variant == finding.study.baseline]
    own = [f"{short(finding, row.layering)} {amount(row, between=False)} µs" for row in known if row.framework == first]
    return f"{_on(first).capitalize()}: {listed(own) or 'no significant difference'}" if known else ""


def short(finding: Finding, layer: str) -> str:
    """A layer as an answer names it."""
    return naming.words(finding, layer).short or title(finding, layer)


def title(finding: Finding, layer: str) -> str:
    """A layer as a table names it."""
    return finding.catalog.layerings[layer].title


def sample(finding: Finding) -> str:
    """The sizes of the study's samples."""
    plan = finding.study.layers
    if plan is None:
        raise ValueError(f"{finding.study.name} has no layers")
    return f"{plan.processes} fresh processes a figure, each with {plan.values} values of {plan.requests:,} requests"


def _named(row: LayerResult, *, several: bool) -> str:
    return "/".join([*([row.variant] if several else []), row.framework, row.layering])


def _is_usual(finding: Finding, row: LayerResult, framework: str) -> bool:
    return (row.variant, row.framework) == (finding.study.baseline, framework)


def _is_beside(finding: Finding, row: LayerResult) -> bool:
    return finding.catalog.layerings[row.layering].around is not None


def _cell(row: LayerResult | None) -> str:
    if row is None or row.time is None:
        return "—"
    return f"request: {number(row.time.estimate / MICRO)}" if row.first else amount(row)


def _adds(row: LayerResult) -> str:
    """What a layer adds, such as `+4.2 µs`, or `at most +0.2 µs` where the difference may be noise."""
    *lead, figure = amount(row, between=False).split(" ")
    if not figure[-1].isdigit():
        return figure
    return " ".join([*lead, figure if figure.startswith("-") else f"+{figure}", "µs"])


def _on(framework: str) -> str:
    return "without a framework" if framework in NO_FRAMEWORK else f"on {framework}"


def sections(finding: Finding) -> Sequence[tuple[str, Table]]:
    """The workloads with every figure of each."""
    return [(each.title, rows(each)) for each in finding.each]

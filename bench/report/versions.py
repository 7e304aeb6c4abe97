"""The answers and the table of a study of several interpreters: the same source on each, and its price."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds, times
from bench.model import Interpreter
from bench.report import naming
from bench.report.built import how
from bench.report.markdown import Table
from bench.report.rows import Core, Finding, Row
from bench.report.speedups import is_faster
from bench.report.wording import MEGA, MICRO, estimate, fitting, scaled


def compared(finding: Finding) -> bool:
    """Whether the study compares interpreters."""
    return len(finding.study.interpreters) > 1


def answers(finding: Finding, lead: str = "") -> Iterator[str]:
    """The best interpreter for the baseline's source, the range of the fastest other source, and the best one's price.

    `lead` names the workload, if the study has several.
    """
    _, others = _sources(finding)
    usual = _on(finding, finding.baseline).title
    if finding.baseline.time.value is None:
        yield fitting(f"{lead}No answer: the baseline, {usual}, has no figure")
        return
    newer = best(finding)
    if newer is None or newer.speedup.ratio is None:
        yield fitting(f"{lead or 'The same source: '}stay with {usual}", ["no other is significantly faster"])
    else:
        told = f"{_on(finding, newer).title} runs it at {times(newer.speedup.ratio)} the speed of {usual}"
        row = finding.row(newer, finding.places[0]) if finding.places else None
        there = [f"{estimate(row.speedup)} on {naming.server(finding, row.stack)}"] if row and row.speedup.ratio else []
        yield fitting(f"{lead or 'The same source: '}{told}", there, ", ")
    if others:
        yield _range(finding, others)
    if newer:
        yield from _price(finding, newer)


def best(finding: Finding) -> Core | None:
    """The interpreter of the baseline's source that gains most behind the first server; without one, most alone."""
    own, _ = _sources(finding)
    place = finding.places[0] if finding.places else ""

    def gain(core: Core) -> tuple[float, float]:
        row = finding.row(core, place)
        served = row.speedup.ratio.estimate if row and row.speedup.ratio and row.speedup.significant else 0.0
        return served, core.speedup.ratio.estimate if core.speedup.ratio else 0.0

    return max((core for core in own if is_faster(core)), key=gain, default=None)


def table(finding: Finding) -> Table:
    """A row for each interpreter, the fastest first: each source's time and speed-up, also served, and its price."""
    own = finding.baseline.variant.partition("@")[0]
    sources = list(dict.fromkeys([own, *(core.variant.partition("@")[0] for core in finding.cores)]))
    homes = {source: sum(core.variant.partition("@")[0] == source for core in finding.cores) for source in sources}
    shown = [source for source, count in homes.items() if count > 1] or sources[:1]
    at = finding.places[0] if finding.places else ""
    place = naming.server_at(finding, at)
    title = _title(finding, shown[0])
    heading = ["interpreter", f"{title}, alone", *([f"{title}, on {place}"] if place else [])]
    heading += [f"{_title(finding, source)}, alone" for source in shown[1:]]
    heading += [*([f"memory, MB ({place})", f"start, s ({place})"] if place else []), "built"]
    rows = []
    for core in finding.cores:  # the fastest first
        source = core.variant.partition("@")[0]
        if core.time.value is None or (source in shown and source != own):
            continue
        row = finding.row(core, at)
        served = [_spent(row), scaled(row.memory, MEGA), scaled(row.start, 1.0)] if row else ["—"] * 3
        spent, *price = served if place else [""]
        beside = [_speed(_core(finding, each, _on(finding, core))) for each in shown[1:]]
        cells = [_speed(core), *([spent] if place else []), *beside, *price, how(core.facts)]
        rows.append([_on(finding, core).title, *cells])
    return [heading, *rows]


def without_pgo(finding: Finding) -> str | None:
    """A note on interpreters without profile-guided optimisation; None where all have it, or none."""
    cores = [core for core in finding.cores if "pgo" in core.facts]
    known = {_on(finding, core).title: core.facts["pgo"] for core in cores}
    without = [title for title, pgo in known.items() if not pgo]
    if len(without) in {0, len(known)}:
        return None
    return (
        f"Built without profile-guided optimisation, unlike the others: {listed(without)}. "
        "Differences from the others come from the build as well as the version."
    )


def _sources(finding: Finding) -> tuple[list[Core], list[Core]]:
    """The timed cores of the baseline's source, and those of the fastest other source on several interpreters."""
    sources: dict[str, list[Core]] = {}
    for core in finding.cores:  # the fastest first
        if core.time.value is not None:
            sources.setdefault(core.variant.partition("@")[0], []).append(core)
    own = sources.pop(finding.baseline.variant.partition("@")[0], [])
    return own, next((cores for cores in sources.values() if len(cores) > 1), [])


def _range(finding: Finding, cores: list[Core]) -> str:
    """The speed-up of a source on the interpreters, from the slowest to the fastest."""
    known = [core for core in cores if core.speedup.ratio]
    name = _title(finding, cores[0].variant.partition("@")[0])
    if not known:
        return fitting(f"{name} has no figure beside the baseline's")
    fastest, slowest = known[0], known[-1]
    lead = "Rewriting brings more than any version" if fastest.rewritten else f"Versions matter little to {name}"
    low, high = (times(core.speedup.ratio) for core in (slowest, fastest) if core.speedup.ratio)
    return fitting(lead, [f"{name} runs at {low} to {high} the baseline's speed"])


def _price(finding: Finding, best: Core) -> Iterator[str]:
    """Memory and start of the best interpreter behind the first server, beside the baseline's."""
    place = finding.places[0] if finding.places else ""
    row, base = finding.row(best, place), finding.row(finding.baseline, place)
    if row is None or row.memory.value is None:
        return
    held = f"{number(row.memory.value / MEGA)} MB"
    instead = f" instead of {number(base.memory.value / MEGA)} MB" if base and base.memory.value else ""
    start = [f"it starts in {seconds(row.start.value)}"] if row.start.value else []
    lead = f"On {naming.server(finding, row.stack)} {_on(finding, best).title} holds {held}{instead}"
    yield fitting(lead, start)


def _on(finding: Finding, core: Core) -> Interpreter:
    return finding.catalog.interpreter_of(core.variant)


def _title(finding: Finding, source: str) -> str:
    declared = finding.catalog.variant(source)
    return "plain source" if declared.is_plain else naming.words(finding, source).short or declared.title


def _core(finding: Finding, source: str, on: Interpreter) -> Core | None:
    """The core of a source on an interpreter."""
    own = (core for core in finding.cores if core.variant.partition("@")[0] == source)
    return next((core for core in own if _on(finding, core).name == on.name), None)


def _speed(core: Core | None) -> str:
    """The time of a core in microseconds, with its speed-up."""
    if core is None or core.time.value is None:
        return "—"
    told = "1×" if core.baseline else estimate(core.speedup)
    return f"{scaled(core.time, MICRO)} µs, {told}"


def _spent(row: Row) -> str:
    """The server CPU of a row per request in microseconds, with its speed-up."""
    told = "1×" if row.core.baseline else estimate(row.speedup)
    return f"{scaled(row.cpu, MICRO)} µs, {told}" if row.cpu.value else "—"

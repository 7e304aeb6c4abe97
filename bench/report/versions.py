"""What a newer interpreter brings to the same source, in sentences made of the figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds
from bench.model import Interpreter
from bench.report.rows import Core, Finding
from bench.report.wording import estimate


def compared(finding: Finding) -> bool:
    """Whether the study asks for several interpreters."""
    return len(finding.study.interpreters) > 1


def words(finding: Finding) -> Iterator[str]:
    """The baseline's source on each interpreter against its own; any other source by its span; memory likewise."""
    sources: dict[str, list[Core]] = {}
    on = {core.variant: finding.catalog.interpreter_of(core.variant) for core in finding.cores}
    for core in finding.cores:
        if core.time.value is not None:
            sources.setdefault(core.variant.partition("@")[0], []).append(core)
    own = sources.pop(finding.baseline.variant.partition("@")[0], [])
    own.sort(key=lambda core: _version(on[core.variant]))
    others = [f"{_times(core)} on {on[core.variant].title}" for core in own if not core.baseline]
    if others:
        usual = on[finding.baseline.variant].title
        yield f"In units of its speed on {usual}, the same source runs at {listed(others)}."
    for cores in sources.values():
        yield _span(cores, on)
    for place in finding.places:
        held = [
            (row.memory.value, on[row.core.variant].title)
            for row in finding.rows
            if row.place == place and row.memory.value is not None and row.core in own
        ]
        if len(held) > 1:
            (least, first), (most, last) = min(held), max(held)
            yield f"Behind {place} it holds {number(least / 1e6)} MB on {first} and {number(most / 1e6)} MB on {last}."


def _span(cores: list[Core], on: dict[str, Interpreter]) -> str:
    """A source that is no baseline: its fastest and slowest interpreter, which `cores` begin and end with."""
    fastest, slowest = cores[0], cores[-1]
    if fastest is slowest:
        return f"{fastest.title} takes {seconds(fastest.time.value or 0.0)} a document."
    title = fastest.title.removesuffix(f", {on[fastest.variant].title}")
    least, most = (f"{seconds(core.time.value or 0.0)} on {on[core.variant].title}" for core in (fastest, slowest))
    return f"{title} takes from {least} to {most}."


def _times(core: Core) -> str:
    if core.speedup.ratio is None:
        return "an unknown speed"
    return estimate(core.speedup)


def _version(interpreter: Interpreter) -> tuple[int, ...]:
    return tuple(int(part) for part in interpreter.version.split(".") if part.isdigit())

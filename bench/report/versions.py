"""The speed and memory of the same source on several interpreters, in sentences made from the figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import listed, number, seconds
from bench.model import Interpreter
from bench.report.rows import Core, Finding
from bench.report.wording import estimate


def compared(finding: Finding) -> bool:
    """Whether the study compares interpreters."""
    return len(finding.study.interpreters) > 1


def sentences(finding: Finding) -> Iterator[str]:
    """The speed of the baseline's source on each interpreter, the range of other sources, and the range of memory."""
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
        yield f"Speed of the same source relative to {usual}: {listed(others)}."
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
            range_ = f"{number(least / 1e6)} MB on {first} to {number(most / 1e6)} MB on {last}"
            yield f"Memory of the same source behind {place}: {range_}."


def _span(cores: list[Core], on: dict[str, Interpreter]) -> str:
    """The range of a source's times; `cores` are on one interpreter each, the fastest first."""
    fastest, slowest = cores[0], cores[-1]
    if fastest is slowest:
        return f"{fastest.title}: {seconds(fastest.time.value or 0.0)} per document."
    title = fastest.title.removesuffix(f", {on[fastest.variant].title}")
    least, most = (f"{seconds(core.time.value or 0.0)} on {on[core.variant].title}" for core in (fastest, slowest))
    return f"{title}: {least} (fastest) to {most} (slowest) per document."


def _times(core: Core) -> str:
    if core.speedup.ratio is None:
        return "unknown"
    return estimate(core.speedup)


def _version(interpreter: Interpreter) -> tuple[int, ...]:
    return tuple(int(part) for part in interpreter.version.split(".") if part.isdigit())

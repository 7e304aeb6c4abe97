"""What a core costs to keep: its lines of source beside the reference, the seconds of its build, its packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.report.rows import Core

TITLES = {"source": "lines of source", "build_seconds": "build, s", "dependencies": "packages"}


def known(cores: Iterable[Core]) -> list[str]:
    """The names of the prices that any of the cores has. Older sessions have none."""
    found = list(cores)
    return [name for name in TITLES if any(getattr(core, name).value is not None for core in found)]


def cell(core: Core, name: str) -> str:
    """A price as a whole number."""
    figure = getattr(core, name)
    if figure.value is None:
        return str(figure.instead)
    return "< 1" if 0 < figure.value < 1 else f"{figure.value:,.0f}"


def words(core: Core) -> Iterator[str]:
    """The prices in words, without those of nothing and builds within a second; a compiled core has 0 lines."""
    if core.source.value == 0 and not core.plain:
        yield "0 lines"
    for name, noun in (("source", "line"), ("dependencies", "package"), ("build_seconds", "s of build")):
        value = round(getattr(core, name).value or 0.0)
        if value:
            yield f"{value:,} {noun}{'s' * (value != 1 and name != 'build_seconds')}"

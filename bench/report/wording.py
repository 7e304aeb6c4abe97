"""Figures and comparisons as text, an interval beside each ratio."""

from __future__ import annotations

from bench.analysis.comparison import Comparison
from bench.analysis.text import interval, number, times
from bench.report.estimates import Figure

EQUAL, UNDECIDED = "≈1×", "undecided"  # what stands for an estimate that no difference is significant of


def estimate(found: Comparison) -> str:
    """The estimate of a significant difference, `≈1×` of equals, or `undecided`; a dash where it is unknown."""
    if found.ratio is None:
        return "—"
    return times(found.ratio) if found.significant else EQUAL if found.equal else UNDECIDED


def judged(found: Comparison) -> str:
    """The estimate with its interval, such as `1.52× (1.34–1.68)` or `undecided (0.94–1.31)`."""
    between = interval(found.ratio) if found.ratio else found.reason or "unknown"
    return f"{estimate(found)} ({between})"


def scaled(figure: Figure, unit: float) -> str:
    """A figure as so many `unit`s, or what stands in for it."""
    return figure.instead if figure.value is None else number(figure.value / unit)


def milliseconds(figure: Figure) -> str:
    """A latency in milliseconds to as many digits as its clock tells, `< 1` below that."""
    if figure.value is None:
        return figure.instead
    told = f"{1000 * figure.value:,.4g}"
    return f"<\N{NO-BREAK SPACE}{told}" if figure.below else told

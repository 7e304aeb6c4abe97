"""Figures and comparisons as text, an interval beside each ratio."""

from __future__ import annotations

from bench.analysis.comparison import Comparison
from bench.analysis.text import interval, number, times
from bench.report.estimates import Figure

MICRO = 1e-6
EQUAL, UNDECIDED = "equal", "undecided"  # replace the estimate of a ratio that is not significant


def estimate(found: Comparison) -> str:
    """The estimate of a significant ratio, `equal` or `undecided`; a dash for an unknown ratio."""
    if found.ratio is None:
        return "—"
    return times(found.ratio) if found.significant else EQUAL if found.equal else UNDECIDED


def judged(found: Comparison) -> str:
    """The estimate with its interval, such as `1.52× (1.34–1.68)` or `undecided (0.94–1.31)`."""
    between = interval(found.ratio) if found.ratio else found.reason or "unknown"
    return f"{estimate(found)} ({between})"


def scaled(figure: Figure, unit: float) -> str:
    """A figure in units of `unit`, or the text in place of an absent one."""
    return figure.instead if figure.value is None else number(figure.value / unit)


def microseconds(figure: Figure) -> str:
    """A latency in microseconds, or `< 1,000` below the resolution of its clock."""
    if figure.value is None:
        return figure.instead
    told = number(figure.value / MICRO)
    return f"<\N{NO-BREAK SPACE}{told}" if figure.below else told

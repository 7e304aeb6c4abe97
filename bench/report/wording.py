"""Figures as text: three significant digits, the unit chosen to fit, an interval beside each ratio."""

from __future__ import annotations

import math

from bench.report.comparison import Comparison
from bench.report.evidence import Figure
from bench.stats import Ratio

EQUAL, UNDECIDED = "≈1×", "undecided"  # what stands for an estimate that no difference is claimed of
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def number(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant digits, with commas and without an exponent."""
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:,.{max(decimals, 0)}f}"


def seconds(value: float) -> str:
    """A time in the unit that leaves the fewest zeros."""
    size, unit = next((pair for pair in UNITS if value >= pair[0]), UNITS[-1])
    return f"{number(value / size)} {unit}"


def share(value: float) -> str:
    """A share as a percentage."""
    return f"{number(100 * value, 2)} %"


def times(ratio: Ratio) -> str:
    """The estimate of a ratio, such as `12.3×`."""
    return f"{number(ratio.estimate)}×"


def interval(ratio: Ratio) -> str:
    """The ends of a ratio's interval, or that it has none."""
    if ratio.low is None or ratio.high is None:
        return "no interval"
    return f"{number(ratio.low)}–{number(ratio.high)}"


def estimate(found: Comparison) -> str:
    """The estimate of a claimed difference, `≈1×` of equals, or that it is undecided; a dash where it is unknown."""
    if found.ratio is None:
        return "—"
    return times(found.ratio) if found.claimed else EQUAL if found.equal else UNDECIDED


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


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; nothing for none."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

"""Numbers, times and ratios as text, to three significant digits and in a fitting unit."""

from __future__ import annotations

import math

from bench.analysis.stats import Ratio

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def number(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant digits, with thousands separators and without an exponent."""
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
    """A share as a percentage to two significant digits, such as `0.42 %`."""
    return f"{number(100 * value, 2)} %"


def times(ratio: Ratio) -> str:
    """The estimate of a ratio, such as `12.3×`."""
    return f"{number(ratio.estimate)}×"


def interval(ratio: Ratio) -> str:
    """The ends of a ratio's interval, or `no interval`."""
    if ratio.low is None or ratio.high is None:
        return "no interval"
    return f"{number(ratio.low)}–{number(ratio.high)}"


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, or `a, b and c`; empty for no part."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

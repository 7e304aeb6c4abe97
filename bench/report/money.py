"""What requests cost in CPU, and at which traffic a cheaper stack pays: sentences of README."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.analysis.text import number
from bench.report.estimates import Figure
from bench.report.rows import Row

CORE_HOUR = 0.04  # dollars
MONTH_HOURS = 730.0
HOUR_SECONDS = 3600.0
RATE = 1_000  # requests per second
PRICE = 1_000.0  # dollars a month that a change is assumed to cost

Named = tuple[str, Row]  # a stack, and what it takes


def monthly(row: Row) -> Figure:
    """Dollars a month for the CPU of `RATE` requests per second."""
    if row.cpu.value is None:
        return row.cpu
    return Figure(value=row.cpu.value * RATE * MONTH_HOURS * CORE_HOUR)


def billion(row: Row) -> Figure:
    """Dollars for the CPU of a billion requests."""
    if row.cpu.value is None:
        return row.cpu
    return Figure(value=1e9 * row.cpu.value * CORE_HOUR / HOUR_SECONDS)


def pays(plain: Named, changed: Sequence[Named]) -> str:
    """The traffic at which leaving the plain source pays, for each stack that takes less CPU."""
    saved = {name: _saved(plain[1], row) for name, row in changed}
    above = [f"{number(PRICE / each * RATE)} for {name}" for name, each in saved.items() if each > 0]
    return (
        f"A change from {plain[0]} that costs you ${PRICE:,.0f} a month pays above so many requests per second: "
        f"{', '.join(above)}."
    )


def _spent(row: Row) -> float:
    """Seconds of CPU a request."""
    return row.cpu.value or math.nan


def _saved(dear: Row, cheap: Row) -> float:
    """Dollars a month at `RATE`."""
    return (_spent(dear) - _spent(cheap)) * RATE * MONTH_HOURS * CORE_HOUR

"""What requests cost in CPU, and at which traffic a cheaper stack pays: sentences of README."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.analysis.text import number
from bench.report.estimates import Figure
from bench.report.rows import Row

CORE_HOUR = 0.04  # dollars
MONTH_HOURS = 730.0
RATE = 1_000  # requests per second
PRICE = 1_000.0  # dollars a month that a change is assumed to cost

Named = tuple[str, Row]  # a stack, and what it takes


def monthly(row: Row) -> Figure:
    """Dollars a month for the CPU of `RATE` requests per second."""
    if row.cpu.value is None:
        return row.cpu
    return Figure(value=row.cpu.value * RATE * MONTH_HOURS * CORE_HOUR)


def millions(stacks: Iterable[Named]) -> str:
    """Dollars for a million requests on each stack."""
    told = [f"${number(1e6 * _spent(row) * CORE_HOUR / 3600)} on {name}" for name, row in stacks]
    return f"A million requests cost, by their CPU alone: {', '.join(told)}."


def pays(plain: Named, rewritten: Named, languages: Sequence[Named]) -> str:
    """What a rewritten core saves a month beside the plain source, and the traffic at which it and a language pay."""
    saved, lines = _saved(plain[1], rewritten[1]), f"{rewritten[1].core.source.value or 0:,.0f} lines of source"
    told = (
        f"A rewrite pays by traffic: for each {RATE:,} requests per second, {rewritten[0]} saves ${number(saved)} a "
        f"month beside {plain[0]}, for {lines}. If they cost you ${PRICE:,.0f} a month, they pay above {_from(saved)} "
        "requests per second."
    )
    others = [(name, _saved(plain[1], row)) for name, row in languages]
    above = [f"{name} above {_from(saved)}" for name, saved in others if saved > 0]
    return f"{told} Another language at that price: {', '.join(above)}." if above else told


def _spent(row: Row) -> float:
    """Seconds of CPU a request."""
    return row.cpu.value or math.nan


def _saved(dear: Row, cheap: Row) -> float:
    """Dollars a month at `RATE`."""
    return (_spent(dear) - _spent(cheap)) * RATE * MONTH_HOURS * CORE_HOUR


def _from(saved: float) -> str:
    """The requests per second from which a change at `PRICE` pays."""
    return number(PRICE / saved * RATE)

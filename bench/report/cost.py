"""What a million requests cost: hours of a core and of a gigabyte, and money where prices are given.

Derived from server CPU per request and the memory held under load, for a worker that is kept busy: while it spends its
core on a million requests, it holds its memory. An idle worker costs more for each request; the lab does not guess how
idle yours are.
"""

from __future__ import annotations

import msgspec

from bench.errors import LabError
from bench.report.estimates import Figure

REQUESTS = 1_000_000
GIGABYTE = 1e9
HOUR = 3600.0


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Money for an hour of one core and for an hour of one gigabyte, in any one currency."""

    cpu_hour: float
    gb_hour: float


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU-hours, GB-hours (10^9 bytes) and money for a million requests."""

    cpu_hours: Figure
    gb_hours: Figure
    money: Figure


def parse(text: str) -> Price:
    """A price from `CPU_HOUR,GB_HOUR`, such as `0.04,0.005`. Raises LabError."""
    try:
        cpu_hour, gb_hour = map(float, text.split(","))
    except ValueError:
        raise LabError(f"--price {text}: write two numbers, per CPU-hour and per GB-hour, such as 0.04,0.005") from None
    if not (0 <= cpu_hour < float("inf") and 0 <= gb_hour < float("inf")):
        raise LabError(f"--price {text}: a price is finite and not below 0")
    return Price(cpu_hour=cpu_hour, gb_hour=gb_hour)


def cost(cpu: Figure, memory: Figure, price: Price | None) -> Cost:
    """The cost from seconds of server CPU per request and bytes held under load; what lacks an input lacks itself."""
    if cpu.value is None:
        return Cost(cpu_hours=cpu, gb_hours=cpu, money=cpu)
    hours = cpu.value * REQUESTS / HOUR
    cpu_hours = Figure(value=hours)
    if memory.value is None:
        return Cost(cpu_hours=cpu_hours, gb_hours=memory, money=memory)
    gb_hours = Figure(value=hours * memory.value / GIGABYTE)
    if price is None:
        return Cost(cpu_hours=cpu_hours, gb_hours=gb_hours, money=Figure(reason="no price was given: --price CPU,GB"))
    money = hours * (price.cpu_hour + price.gb_hour * memory.value / GIGABYTE)
    return Cost(cpu_hours=cpu_hours, gb_hours=gb_hours, money=Figure(value=money))

"""The cost of a million requests: core hours, gigabyte hours, and money where prices are given.

It derives from server CPU per request and the memory held under load, for a busy worker, which holds its memory while
it spends its core on a million requests. An idle worker costs more per request.
"""

from __future__ import annotations

import msgspec

from bench.errors import LabError
from bench.report.estimates import Figure

REQUESTS = 1_000_000
GIGABYTE = 1e9
HOUR = 3600.0


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The price of one core and of one gigabyte for an hour, in any currency."""

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
        raise LabError(f"invalid --price {text}: use two numbers, per CPU-hour and per GB-hour: 0.04,0.005") from None
    if not (0 <= cpu_hour < float("inf") and 0 <= gb_hour < float("inf")):
        raise LabError(f"invalid --price {text}: prices must be finite and at least 0")
    return Price(cpu_hour=cpu_hour, gb_hour=gb_hour)


def cost(cpu: Figure, memory: Figure, price: Price | None) -> Cost:
    """The cost from seconds of server CPU per request and bytes held under load; absent where an input is."""
    if cpu.value is None:
        return Cost(cpu_hours=cpu, gb_hours=cpu, money=cpu)
    hours = cpu.value * REQUESTS / HOUR
    cpu_hours = Figure(value=hours)
    if memory.value is None:
        return Cost(cpu_hours=cpu_hours, gb_hours=memory, money=memory)
    gb_hours = Figure(value=hours * memory.value / GIGABYTE)
    if price is None:
        return Cost(cpu_hours=cpu_hours, gb_hours=gb_hours, money=Figure(reason="no price given: --price CPU,GB"))
    money = hours * (price.cpu_hour + price.gb_hour * memory.value / GIGABYTE)
    return Cost(cpu_hours=cpu_hours, gb_hours=gb_hours, money=Figure(value=money))

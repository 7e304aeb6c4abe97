"""A server's capacity from a run under load, and the highest rates of open loads."""

from __future__ import annotations

from bench.model import Observed

PACER = "pacer."  # prefix of the pacer's metrics, where it ran after Gatling on the same server
BUSY = 0.8  # share of a core above which the core is the limit


def reached(seen: Observed) -> float | None:
    """Requests per second that a closed load reached: the server's capacity, unless a gate rejects it."""
    return seen.value(f"{found_by(seen)}rate")


def drivable(seen: Observed) -> float | None:
    """The highest rate of an open load by Gatling, in requests per second.

    It is the server's capacity, or Gatling's if that is smaller: its rate scaled to a core that is `BUSY` busy.
    """
    found, gatling, busy = reached(seen), seen.value("rate"), seen.value("generator_cpu")
    return min(found, gatling * BUSY / busy) if found and gatling and busy else found


def paceable(seen: Observed) -> float | None:
    """The highest rate of an open load by the pacer, in requests per second.

    It is the server's capacity, or the pacer's if that is smaller: its rate scaled to a core that is `BUSY` busy.
    """
    found, busy = reached(seen), seen.value(f"{found_by(seen)}generator_cpu")
    return found * min(1.0, BUSY / busy) if found and busy else found


def found_by(seen: Observed) -> str:
    """The metric prefix of the generator that found the capacity: the pacer where both drove."""
    return PACER if seen.values(f"{PACER}rate") else ""


def paced(seen: Observed, metric: str) -> float | None:
    """A metric as the pacer measured it, alone or after Gatling."""
    return seen.value(f"{found_by(seen)}{metric}")

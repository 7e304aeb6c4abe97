"""What a run under load says of its server's capacity, and which rates an open load can have."""

from __future__ import annotations

from bench.model import Observed

PACER = "pacer."  # prefix of what the pacer measured after Gatling, on the same server
BUSY = 0.8  # share of a core from which on it is the limit


def reached(seen: Observed) -> float | None:
    """Requests per second that a closed load reached: the server's capacity, unless a gate says that it is not."""
    return seen.value(f"{found_by(seen)}rate")


def drivable(seen: Observed) -> float | None:
    """Requests per second that an open load can have: what the server can answer, but no more than Gatling can ask.

    Gatling's part is its rate scaled to a core that is as busy as it may be.
    """
    found, gatling, busy = reached(seen), seen.value("rate"), seen.value("generator_cpu")
    return min(found, gatling * BUSY / busy) if found and gatling and busy else found


def paceable(seen: Observed) -> float | None:
    """Requests per second that an open load of the pacer can have: the server's capacity, or what the pacer can ask.

    The latter is its rate scaled to a core that is as busy as it may be.
    """
    found, busy = reached(seen), seen.value(f"{found_by(seen)}generator_cpu")
    return found * min(1.0, BUSY / busy) if found and busy else found


def found_by(seen: Observed) -> str:
    """The prefix of what the generator measured that found the capacity: the pacer where both drove."""
    return PACER if seen.values(f"{PACER}rate") else ""


def paced(seen: Observed, metric: str) -> float | None:
    """What the pacer measured, alone or after Gatling."""
    return seen.value(f"{found_by(seen)}{metric}")

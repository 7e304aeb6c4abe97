"""Gates' checks of figures against each other: what one run tells has to add up."""

from __future__ import annotations

import re
from itertools import pairwise

from bench.model import Observed

MORE_THAN_ALL = 1.05  # users at work beyond those there are; what is more than rounding
COUNT_OFF = 0.1  # requests ÷ seconds asked for against the rate between the first start and the last end
COARSE = 0.005  # of the server's CPU time under a load, the least that its clock may tell
ANSWERED = re.compile(r"\.find\b")  # in Gatling's message of a check: an answer came, and was wrong
ORDER = ("p50", "p75", "p90", "p95", "p99", "p99.9", "max")


def right_answers(seen: Observed) -> str | None:
    """Every answer has status 200 and, byte for byte, the body that its document asks for.

    Open loads go beyond capacity. There a request without an answer is what they ask about, and no fault.
    """
    requests, failed = seen.value("requests"), seen.value("failed")
    failures: dict[str, int] = dict(seen.facts.get("failures", {}))
    if failed and seen.values("plan_deviation"):
        unanswered = {message for message in failures if not ANSWERED.search(message)}
        failed -= sum(failures.pop(message) for message in unanswered)
    if not failed:
        return None
    most = max(failures, key=lambda message: failures[message], default="no reason given")
    return f"{failed:.0f} of {requests:.0f} requests failed: {most}"


def littles_law(seen: Observed) -> str | None:
    """Requests under way, N = X·R (rate × mean latency), are no more than the users there are."""
    users, rate, mean = seen.value("users"), seen.value("rate"), seen.value("latency.mean")
    if users is None or rate is None or mean is None or rate * mean <= MORE_THAN_ALL * users:
        return None
    return f"{rate:.0f}/s × {1000 * mean:.3g} ms leaves {rate * mean:.1f} requests under way, of {users:.0f} users"


def count_and_rate(seen: Observed) -> str | None:
    """Requests ÷ the seconds that were asked for is the rate that Gatling's clock shows.

    The last answer may come after the time that was asked for, by no more than the longest took. A closed load of
    the pacer tells no latency, and its rate is that quotient itself. An open load's starts are held against its plan
    instead: beyond capacity its answers end long after it, and some never come.
    """
    if seen.value("plan_deviation") is not None:
        return None
    requests, seconds, rate, longest = (seen.value(name) for name in ("requests", "seconds", "rate", "latency.max"))
    if not requests or not seconds or not rate or longest is None:
        return None
    if abs(requests / seconds / rate - 1) <= COUNT_OFF + longest / seconds:
        return None
    return f"{requests:.0f} requests in {seconds:.0f} s are {requests / seconds:.1f}/s, not {rate:.1f}/s"


def cpu_resolved(seen: Observed) -> str | None:
    """The resolution of the server's CPU clock is a small part of the measured time."""
    share = seen.value("cpu.resolution")
    if share is None or share <= COARSE:
        return None
    return f"CPU clock resolution is {share:.1%} of the measured time (limit {COARSE:.1%})"


def ordered(seen: Observed) -> str | None:
    """A higher percentile is no shorter than a lower one."""
    levels = [(name, _latency(seen, name)) for name in ORDER]
    known = [(name, level) for name, level in levels if level is not None]
    for (name, level), (higher, longer) in pairwise(known):
        if longer < level:
            return f"{higher} is {1000 * longer:.0f} ms, and {name} {1000 * level:.0f} ms"
    return None


def _latency(seen: Observed, name: str) -> float | None:
    """A percentile in seconds, one below the clock's resolution as that."""
    known = seen.value(f"latency.{name}")
    return seen.value(f"latency.{name}.below") if known is None else known

"""Gate checks of a run's figures against each other."""

from __future__ import annotations

import re
from itertools import pairwise

from bench.analysis.capacity import paced
from bench.model import Observed

MORE_THAN_ALL = 1.05  # largest number of requests in flight ÷ users: more is no rounding error
COUNT_OFF = 0.1  # largest deviation of requests ÷ seconds asked for from the rate between first start and last end
COARSE = 0.005  # largest resolution of the CPU clock, as a share of the server's CPU time under a load
EACH = 5  # answers for each connection, from which a batch more or less hardly changes the rate
UNEVEN, SURE = 2.0, 5.0  # largest ratio of the halves' answers; standard deviations of a Poisson count beyond it
ANSWERED = re.compile(r"\.find\b")  # in Gatling's message of a failed check: an answer came, and was wrong
UNANSWERED = ("connection broken", "connection refused", "no answer")  # as the pacer names them
ORDER = ("p50", "p75", "p90", "p95", "p99", "p99.9", "max")


def right_answers(seen: Observed) -> str | None:
    """Every answer is right: by default with status 200 and the right body, byte for byte.

    Open loads go beyond capacity: there, a request without an answer is a result, not an error.
    """
    requests, failed = seen.value("requests"), seen.value("failed")
    failures: dict[str, int] = dict(seen.facts.get("failures", {}))
    if failed and seen.values("plan_deviation"):
        unanswered = {message for message in failures if not ANSWERED.search(message)}
        failed -= sum(failures.pop(message) for message in unanswered)
    elif failed and seen.values("asked"):
        failed -= sum(failures.pop(kind, 0) for kind in UNANSWERED)
    if not failed:
        return None
    most = max(failures, key=lambda message: failures[message], default="no reason given")
    difference = seen.facts.get("difference")
    return f"{failed:.0f} of {requests:.0f} requests failed: {most}" + (f"; {difference}" if difference else "")


def all_answered(seen: Observed) -> str | None:
    """Every request of an open load by the pacer is answered within its timeout."""
    failures: dict[str, int] = dict(seen.facts.get("failures", {}))
    lost = {kind: failures[kind] for kind in UNANSWERED if kind in failures}
    if not lost:
        return None
    told = ", ".join(f"{count} × {kind}" for kind, count in lost.items())
    return f"{told}, of {seen.value('requests'):.0f} requests"


def littles_law(seen: Observed) -> str | None:
    """Requests in flight, N = X·R (rate × mean latency), do not exceed the users."""
    users, rate, mean = seen.value("users"), seen.value("rate"), seen.value("latency.mean")
    if users is None or rate is None or mean is None or rate * mean <= MORE_THAN_ALL * users:
        return None
    return f"{rate:.0f}/s × {1000 * mean:.3g} ms gives {rate * mean:.1f} requests in flight from {users:.0f} users"


def count_and_rate(seen: Observed) -> str | None:
    """Requests ÷ the seconds asked for equals the rate by Gatling's clock.

    The last answer may come after these seconds, by at most the longest latency. A closed load of the pacer has no
    latencies, and its rate is that quotient. An open load of the pacer has few requests at a low rate, and may end
    while several are under way. For one of Gatling, `starts_on_time` checks the starts against the plan: beyond
    capacity, answers come long after the load or never.
    """
    if seen.value("plan_deviation") is not None or seen.value("asked") is not None:
        return None
    requests, seconds, rate, longest = (seen.value(name) for name in ("requests", "seconds", "rate", "latency.max"))
    if not requests or not seconds or not rate or longest is None:
        return None
    if abs(requests / seconds / rate - 1) <= COUNT_OFF + longest / seconds:
        return None
    return f"{requests:.0f} requests in {seconds:.0f} s are {requests / seconds:.1f}/s, not {rate:.1f}/s"


def whole_batches(seen: Observed) -> str | None:
    """A closed load of the pacer sees many batches of answers, if the server answers its connections in batches.

    A window that ends just before a batch misses up to one answer for each connection.
    """
    early, late, connections = (paced(seen, name) for name in ("answers.early", "answers.late", "under_way"))
    if early is None or late is None or not connections or early + late >= EACH * connections:
        return None
    if late < UNEVEN * early or late - early < SURE * (early + late) ** 0.5:
        return None
    told = (
        f"{early:.0f} answers in the first half of the load, {late:.0f} in the second, on {connections:.0f} connections"
    )
    return f"{told}: the server answers in batches, and the load is too short for its rate"


def cpu_resolved(seen: Observed) -> str | None:
    """The resolution of the server's CPU clock is a small part of the measured CPU time."""
    share = seen.value("cpu.resolution")
    if share is None or share <= COARSE:
        return None
    return f"CPU clock resolution is {100 * share:.1f} % of the measured time (limit {100 * COARSE:.1f} %)"


def ordered(seen: Observed) -> str | None:
    """A higher percentile is not below a lower one."""
    levels = [(name, _latency(seen, name)) for name in ORDER]
    known = [(name, level) for name, level in levels if level is not None]
    for (name, level), (higher, longer) in pairwise(known):
        if longer < level:
            return f"{higher} ({1000 * longer:.0f} ms) is below {name} ({1000 * level:.0f} ms)"
    return None


def _latency(seen: Observed, name: str) -> float | None:
    """A percentile in seconds; the clock's resolution where the percentile lies below it."""
    known = seen.value(f"latency.{name}")
    return seen.value(f"latency.{name}.below") if known is None else known

"""Gate checks for adversarial servers: the answers are right, but their cost is hidden."""

from __future__ import annotations

from bench.analysis.capacity import paced
from bench.model import Observed

SLOWER, SURE = 0.5, 5.0  # smallest ratio of late to early answers; standard deviations of a Poisson count below it
UNSEEN = 1.5  # largest time of an unseen document ÷ that of a repeated one; above it, answers are cached
FRESH = 1.5  # largest time or server CPU of a document of a secret seed ÷ that of a document of the load
AFTER = 0.25  # largest share of the server's CPU time after its last answer; a JVM that still compiled spent 0.11
LAST = 2.0  # requests' worth of work allowed after the last answer: a server may tidy up


def steady(seen: Observed) -> str | None:
    """The second half of a closed load brings about as many answers as the first."""
    early, late = paced(seen, "answers.early"), paced(seen, "answers.late")
    if early is None or late is None or late >= SLOWER * early or early - late < SURE * (early + late) ** 0.5:
        return None
    return f"{late:.0f} answers in the second half of the load after {early:.0f} in the first: the server slows down"


def answers_worked_out(seen: Observed) -> str | None:
    """Documents that are sent once take no longer than documents that are repeated."""
    times = None if paced(seen, "latency.mean") else paced(seen, "unseen")  # an open load has few, and bursts decide
    if times is None or times <= UNSEEN:
        return None
    return f"documents that were sent once took {times:.1f} times as long as repeated ones: answers are cached"


def fresh_worked_out(seen: Observed) -> str | None:
    """Sent one by one, documents of a secret seed take no more time or CPU than those of the load."""
    for metric, unit in (("fresh.time", "as long"), ("fresh.cpu", "as much CPU time")):
        times = seen.value(metric)
        if times is not None and times > FRESH:
            return f"documents of a secret seed took {times:.1f} times {unit}: answers are cached"
    return None


def work_before_answer(seen: Observed) -> str | None:
    """The work is done before the answer: little CPU time is spent once all requests are answered."""
    after, reached = paced(seen, "cpu.after"), paced(seen, "reached")
    if after is None or reached is None or after <= AFTER or after * reached <= LAST:
        return None
    return f"the server spent {100 * after:.0f} % of its CPU time after its last answer: it answers before it works"


def connections_kept(seen: Observed) -> str | None:
    """A server keeps every connection, or closes each after its answer. One that closes a few loses requests."""
    resent, connected, reached = (paced(seen, name) for name in ("resent", "connected", "reached"))
    if not resent or connected is None or reached is None or connected >= reached / 2:
        return None
    if paced(seen, "latency.mean"):
        return None  # connections of an open load are idle between requests, and a server may close them
    return f"{resent:.0f} of {reached:.0f} requests hit a kept connection that the server had silently closed"

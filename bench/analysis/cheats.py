"""Gates' checks for servers that cheat: what they answer is right, and what that seems to cost is not what it costs."""

from __future__ import annotations

from bench.analysis.capacity import paced
from bench.model import Observed

SLOWER, SURE = 0.5, 5.0  # late answers to early ones; by how many standard deviations of a Poisson count they are fewer
UNSEEN = 1.5  # times as long as a document that was seen takes one that was not: answers are kept, not worked out
FRESH = 1.5  # times the time or the server CPU of a document that was seen, for one that nobody could know
AFTER = 0.25  # of the server's CPU time under a load, what it spends once all is answered; a compiling JVM spent 0.11
LAST = 2.0  # requests' worth of work that may be left then: a server may tidy up behind its answer


def steady(seen: Observed) -> str | None:
    """The second half of a closed load brings about as many answers as the first."""
    early, late = paced(seen, "answers.early"), paced(seen, "answers.late")
    if early is None or late is None or late >= SLOWER * early or early - late < SURE * (early + late) ** 0.5:
        return None
    return f"{late:.0f} answers in the second half of the load after {early:.0f} in the first: it is fast only at first"


def answers_worked_out(seen: Observed) -> str | None:
    """Documents that are sent only once take no longer than those that come again and again."""
    times = None if paced(seen, "latency.mean") else paced(seen, "unseen")  # of an open load's few, bursts decide
    if times is None or times <= UNSEEN:
        return None
    return f"documents that were not seen before took {times:.1f} times as long: answers are kept, not worked out"


def fresh_worked_out(seen: Observed) -> str | None:
    """Asked alone, documents of a secret seed take no more time or CPU than such as the load sent."""
    for metric, unit in (("fresh.time", "as long"), ("fresh.cpu", "as much CPU time")):
        times = seen.value(metric)
        if times is not None and times > FRESH:
            return f"documents that nobody could know took {times:.1f} times {unit}: answers are kept, not worked out"
    return None


def work_before_answer(seen: Observed) -> str | None:
    """The work is done when the answer comes: hardly any is left once all requests are answered."""
    after, reached = paced(seen, "cpu.after"), paced(seen, "reached")
    if after is None or reached is None or after <= AFTER or after * reached <= LAST:
        return None
    return f"{after:.0%} of the server's CPU time was spent after its last answer: it answers before it works"


def connections_kept(seen: Observed) -> str | None:
    """A server keeps its connections or closes each after its answer; one that hangs up now and then loses requests."""
    resent, connected, reached = (paced(seen, name) for name in ("resent", "connected", "reached"))
    if not resent or connected is None or reached is None or connected >= reached / 2:
        return None
    if paced(seen, "latency.mean"):
        return None  # of an open load connections are idle in between, and may be closed for it
    return f"{resent:.0f} of {reached:.0f} requests met a kept connection that the server had closed without saying so"

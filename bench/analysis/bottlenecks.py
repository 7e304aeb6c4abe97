"""Gates' checks of what else than the server may have set the rate or the latency."""

from __future__ import annotations

from bench.analysis.capacity import BUSY, PACER, found_by, reached
from bench.model import Observed

PLATEAU = 0.8  # share of the null server's rate from which on the generator may be what is measured
AGREE = 1.25  # how far apart server CPU per request may be under the two generators
START_OFF = 0.1  # starts in a quarter of a second against the plan
LAG = 0.25  # of the mean latency, the part by which the generator itself was late
DELAYED, GATHERED = 0.02, 20  # share of answers by which 40 ms stands out, and how many these are at least
LONG_SECONDS = 0.005  # of server CPU a request: from there on its own work may take 40 ms
MOVED = 2.0  # times as long as in the first half the median of the second is: what is measured still grows
NULL = "null.rate"  # the null server's rate


def no_forty_ms(seen: Observed) -> str | None:
    """Answers do not gather at 40 ms while the server is idle: that is an acknowledgement waited for, not work."""
    delayed, cpu, rate = seen.value("latency.delayed"), seen.value("cpu"), seen.value("rate")
    requests = seen.value("requests")
    if delayed is None or cpu is None or rate is None or requests is None:
        return None
    few = delayed <= DELAYED or delayed * requests < GATHERED
    if few or cpu * rate >= BUSY or cpu >= LONG_SECONDS:
        return None
    return f"{delayed:.0%} of the answers gather at 40 ms, with the server's core {cpu * rate:.0%} busy"


def starts_on_time(seen: Observed) -> str | None:
    """In each 250 ms of an open load as many requests start as the plan says."""
    off = seen.value("plan_deviation")
    if off is None or off <= START_OFF:
        return None
    return f"starts in one quarter of a second were {off:.0%} off the plan"


def settled(seen: Observed) -> str | None:
    """Latency under an open load no longer grows: the second half of it takes about as long as the first."""
    early, late = seen.value("latency.early"), seen.value("latency.late")
    if early is None or late is None or late <= MOVED * early:
        return None
    return f"the median grew from {1000 * early:.3g} to {1000 * late:.3g} ms: the server does not keep up with the rate"


def generator_on_time(seen: Observed) -> str | None:
    """The generator sends when it should: it is late by little, of what the server takes."""
    mean, lag = seen.value("latency.mean"), seen.value("latency.lag")
    if not mean or lag is None or lag <= LAG * mean:
        return None
    return f"the generator itself was {1e6 * lag:.0f} µs late, beside a mean latency of {1e6 * mean:.0f} µs"


def generator_idle(seen: Observed) -> str | None:
    """The core of the generator that found the capacity has time to spare: else it set the rate."""
    busy = seen.value(f"{found_by(seen)}generator_cpu")
    return None if busy is None or busy <= BUSY else f"the generator's core was {busy:.0%} busy"


def backend_idle(seen: Observed) -> str | None:
    """The core that generator and back end share has time to spare: else the service waits for more than it asks."""
    back, generator = seen.value("backend_cpu"), seen.value(f"{found_by(seen)}generator_cpu")
    if back is None or generator is None or back + generator <= BUSY:
        return None
    return f"the back end took {back:.0%} of the core that it shares with the generator, which took {generator:.0%}"


def generators_agree(seen: Observed) -> str | None:
    """Server CPU per request is the same under the pacer, which finds the capacity, as under Gatling."""
    ratio = agreement(seen)
    if ratio is None or 1 / AGREE <= ratio <= AGREE:
        return None
    return f"server CPU per request under the pacer is {ratio:.2f} of that under Gatling"


def agreement(seen: Observed) -> float | None:
    """Server CPU per request under the pacer ÷ that under Gatling, of a run that has both."""
    paced, gatling = seen.value(f"{PACER}cpu"), seen.value("cpu")
    return paced / gatling if paced and gatling else None


def above_no_plateau(seen: Observed) -> str | None:
    """A server without work answers far more: else the rate is the generator's, or the network's."""
    rate, null = reached(seen), seen.value(NULL)
    if rate is None or null is None or rate < PLATEAU * null:
        return None
    return f"{rate:.0f}/s is {rate / null:.0%} of the {null:.0f}/s of a server without work"

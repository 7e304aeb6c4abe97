"""Gate checks for bottlenecks other than the server: the generator, the network, the backend."""

from __future__ import annotations

from bench.analysis.capacity import BUSY, PACER, found_by, reached
from bench.model import Observed

PLATEAU = 0.8  # share of the null server's rate from which the generator may be the limit
AGREE = 1.25  # largest ratio of server CPU per request between the two generators
START_OFF = 0.1  # largest deviation of the starts in a quarter of a second from the plan
LAG = 0.25  # largest mean lateness of the generator, as a share of the mean latency
DELAYED, CLUSTERED = 0.02, 20  # more than this share, and at least this many answers at 40 ms, stand out
LONG_SECONDS = 0.005  # server CPU per request from which the server's own work may take 40 ms
GROWTH = 2.0  # largest ratio of the second half's median latency to the first half's
NULL = "null.rate"  # metric: the null server's rate


def no_forty_ms(seen: Observed) -> str | None:
    """Answers do not cluster at 40 ms while the server is idle: that is a delayed acknowledgement, not work."""
    delayed, cpu, rate = seen.value("latency.delayed"), seen.value("cpu"), seen.value("rate")
    requests = seen.value("requests")
    if delayed is None or cpu is None or rate is None or requests is None:
        return None
    few = delayed <= DELAYED or delayed * requests < CLUSTERED
    if few or cpu * rate >= BUSY or cpu >= LONG_SECONDS:
        return None
    busy = 100 * cpu * rate
    return f"{100 * delayed:.0f} % of the answers cluster at 40 ms while the server's core is {busy:.0f} % busy"


def starts_on_time(seen: Observed) -> str | None:
    """The starts in each 250 ms of an open load match the plan."""
    off = seen.value("plan_deviation")
    if off is None or off <= START_OFF:
        return None
    return f"starts in a quarter of a second were {100 * off:.0f} % off the plan"


def settled(seen: Observed) -> str | None:
    """Latency does not grow under an open load: the second half's median is close to the first half's."""
    early, late = seen.value("latency.early"), seen.value("latency.late")
    if early is None or late is None or late <= GROWTH * early:
        return None
    return f"the median grew from {1000 * early:.3g} to {1000 * late:.3g} ms: the server cannot keep up with the rate"


def generator_on_time(seen: Observed) -> str | None:
    """The generator's own lateness is a small part of the latency."""
    mean, lag = seen.value("latency.mean"), seen.value("latency.lag")
    if not mean or lag is None or lag <= LAG * mean:
        return None
    return f"the generator was {1e6 * lag:.0f} µs late in the mean, at a mean latency of {1e6 * mean:.0f} µs"


def generator_idle(seen: Observed) -> str | None:
    """The core of the generator that found the capacity has time to spare. Otherwise the generator set the rate."""
    busy = seen.value(f"{found_by(seen)}generator_cpu")
    return None if busy is None or busy <= BUSY else f"the generator's core was {100 * busy:.0f} % busy"


def backend_idle(seen: Observed) -> str | None:
    """The core that generator and backend share has time to spare. Otherwise the service waits longer than it asks."""
    backend, generator = seen.value("backend_cpu"), seen.value(f"{found_by(seen)}generator_cpu")
    if backend is None or generator is None or backend + generator <= BUSY:
        return None
    used = f"the backend used {100 * backend:.0f} %, the generator {100 * generator:.0f} %"
    return f"backend and generator share a core: {used}"


def generators_agree(seen: Observed) -> str | None:
    """Server CPU per request is the same under the pacer, which finds the capacity, and under Gatling."""
    ratio = agreement(seen)
    if ratio is None or 1 / AGREE <= ratio <= AGREE:
        return None
    return f"server CPU per request under the pacer is {ratio:.2f}× that under Gatling"


def agreement(seen: Observed) -> float | None:
    """Server CPU per request under the pacer ÷ that under Gatling; None for a run without both."""
    paced, gatling = seen.value(f"{PACER}cpu"), seen.value("cpu")
    return paced / gatling if paced and gatling else None


def below_plateau(seen: Observed) -> str | None:
    """A server without work answers far more. Otherwise the generator or the network set the rate."""
    rate, null = reached(seen), seen.value(NULL)
    if rate is None or null is None or rate < PLATEAU * null:
        return None
    return f"{rate:.0f}/s is {100 * rate / null:.0f} % of the {null:.0f}/s that a server without work answers"

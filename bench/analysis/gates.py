"""Gates: what can make a figure under load untrue. Each looks at what was observed of one run and says why, if so.

A gate takes only what it spoils: `row` all figures of the stack, as errors, wrong answers and broken arithmetic do;
`capacity` what the server could have answered at most; `latency` how long its answers took.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import msgspec

from bench.analysis import cheats
from bench.analysis.capacity import BUSY, PACER, found_by, reached
from bench.errors import RIGHT
from bench.model import Measurement, Observed

Spoils = Literal["row", "capacity", "latency"]

PLATEAU = 0.8  # share of the null server's rate from which on the generator may be what is measured
AGREE = 1.25  # how far apart server CPU per request may be under the two generators
MORE_THAN_ALL = 1.05  # users at work beyond those there are; what is more than rounding
COUNT_OFF = 0.1  # requests ÷ seconds asked for against the rate between the first start and the last end
COARSE = 0.005  # of the server's CPU time under a load, the least that its clock may tell
START_OFF = 0.1  # starts in a quarter of a second against the plan
LAG = 0.25  # of the mean latency, the part by which the generator itself was late
DELAYED, GATHERED = 0.02, 20  # share of answers by which 40 ms stands out, and how many these are at least
LONG_SECONDS = 0.005  # of server CPU a request: from there on its own work may take 40 ms
MOVED = 2.0  # times as long as in the first half the median of the second is: what is measured still grows
NULL = "null.rate"  # the null server's rate
ANSWERED = re.compile(r"\.find\b")  # in Gatling's message of a check: an answer came, and was wrong
ORDER = ("p50", "p75", "p90", "p95", "p99", "p99.9", "max")


class Tripped(msgspec.Struct, frozen=True):
    """A gate that a run did not pass: its name, what that spoils, why, and whether a busy machine could do the same."""

    gate: str
    spoils: Spoils
    reason: str
    noisy: bool = False


Check = Callable[[Observed], str | None]


class Gate(msgspec.Struct, frozen=True):
    """A gate's name, what it spoils, what it asks, and the function that answers with a reason if it trips.

    `needs` names the metrics without which it cannot trip; one that ends with a dot stands for all that begin so.
    A `noisy` one asks how long something took, which a busy machine can change: it has to trip in two runs.
    """

    name: str
    spoils: Spoils
    asks: str
    check: Check
    needs: tuple[str, ...] = ()
    noisy: bool = False

    def could_trip(self, seen: Observed, null: float | None = None) -> bool:
        """Whether the run has what the gate needs; `null` is the rate of the null server, where that was measured."""
        measured = [each.metric for each in seen.measurements]
        known = [*measured, *(metric.removeprefix(PACER) for metric in measured), *([NULL] if null is not None else [])]
        return all(any(_stands_for(need, metric) for metric in known) for need in self.needs)


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


_LITTLE = ("users", "rate", "latency.mean")
_COUNT = ("requests", "seconds", "rate", "latency.max")
_WAITED = ("latency.delayed", "cpu", "rate", "requests")
_BACK_END = ("backend_cpu", "generator_cpu")
GATES = (
    # Either generator compares each answer; a closed load of the pacer ends there, and no metric tells of it.
    Gate(RIGHT, "row", "Each answer has status 200 and, byte for byte, the right body.", right_answers),
    Gate("Little's law", "row", "Rate × mean latency is no more than the users there are.", littles_law, _LITTLE),
    Gate("count and rate", "row", "Requests ÷ the seconds asked for is the rate by the clock.", count_and_rate, _COUNT),
    Gate(
        "CPU clock",
        "row",
        f"The CPU clock's resolution is below {COARSE:.1%} of the measured time.",
        cpu_resolved,
        ("cpu.resolution",),
    ),
    # Before the next: where a server slows down, what is seen comes early and what is unseen all along.
    Gate(
        "steady rate",
        "row",
        f"The second half of a closed load brings at least {cheats.SLOWER} times the answers of the first.",
        cheats.steady,
        ("answers.early", "answers.late"),
        noisy=True,
    ),
    Gate(
        "unseen documents",
        "row",
        f"Documents sent once take at most {cheats.UNSEEN} times as long as those sent in turn.",
        cheats.answers_worked_out,
        ("unseen",),
        noisy=True,
    ),
    Gate(
        "work before answer",
        "row",
        f"At most {cheats.AFTER:.0%} of the server's CPU time comes after its last answer.",
        cheats.work_before_answer,
        ("cpu.after", "reached"),
    ),
    Gate(
        "fresh documents",
        "row",
        f"Asked alone, documents of a secret seed take at most {cheats.FRESH}× the time or CPU of those sent before.",
        cheats.fresh_worked_out,
        ("fresh.",),
        noisy=True,
    ),
    Gate(
        "connections",
        "row",
        "Under a closed load a server does not hang up on a connection that it keeps.",
        cheats.connections_kept,
        ("resent", "connected", "reached"),
    ),
    Gate("order", "row", "A higher percentile is no shorter than a lower one.", ordered, ("latency.",)),
    Gate(
        "starts",
        "latency",
        "Starts of an open load keep to the plan in each 250 ms.",
        starts_on_time,
        ("plan_deviation",),
    ),
    Gate(
        "settled latency",
        "latency",
        f"The median of an open load's second half is at most {MOVED} times that of its first.",
        settled,
        ("latency.early", "latency.late"),
    ),
    Gate(
        "generator's lag",
        "latency",
        f"The generator's own mean lateness is at most {LAG:.0%} of the mean latency.",
        generator_on_time,
        ("latency.mean", "latency.lag"),
    ),
    Gate("40 ms", "latency", "Answers do not gather at 40 ms beside an idle server.", no_forty_ms, _WAITED),
    Gate("40 ms", "capacity", "The same: delayed acknowledgements reduce the request rate.", no_forty_ms, _WAITED),
    Gate(
        "generator",
        "capacity",
        f"The generator's core is less than {BUSY:.0%} busy.",
        generator_idle,
        ("generator_cpu",),
    ),
    Gate(
        "back end",
        "capacity",
        f"Generator and back end keep a core less than {BUSY:.0%} busy.",
        backend_idle,
        _BACK_END,
    ),
    Gate(
        "plateau",
        "capacity",
        f"The rate is below {PLATEAU:.0%} of the null server's.",
        above_no_plateau,
        ("rate", NULL),
    ),
    Gate(
        "agreement",
        "capacity",
        f"Server CPU by request is within ×{AGREE} by both generators.",
        generators_agree,
        ("cpu", f"{PACER}cpu"),
    ),
)


def judge(seen: Observed, null: float | None = None) -> tuple[Tripped, ...]:
    """The gates that what was seen does not pass; `null` is the rate of the null server, where that was measured."""
    if null is not None:
        known = Measurement(metric=NULL, unit="1/s", values=(null,))
        seen = msgspec.structs.replace(seen, measurements=(*seen.measurements, known))
    found = ((gate, gate.check(seen)) for gate in GATES)
    return tuple(Tripped(gate.name, gate.spoils, reason, gate.noisy) for gate, reason in found if reason)


def _latency(seen: Observed, name: str) -> float | None:
    """A percentile in seconds, one below the clock's resolution as that."""
    known = seen.value(f"latency.{name}")
    return seen.value(f"latency.{name}.below") if known is None else known


def _stands_for(need: str, metric: str) -> bool:
    return metric.startswith(need) if need.endswith(".") else metric == need

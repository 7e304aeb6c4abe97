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

from bench.model import Measurement, Observed

Spoils = Literal["row", "capacity", "latency"]

BUSY = 0.8  # share of a core from which on it is the limit
PLATEAU = 0.8  # share of the null server's rate from which on the generator may be what is measured
AGREE = 1.25  # how far apart server CPU per request may be under the two generators
MORE_THAN_ALL = 1.05  # users at work beyond those there are; what is more than rounding
COUNT_OFF = 0.1  # requests ÷ seconds asked for against the rate between the first start and the last end
COARSE = 0.005  # of the server's CPU time under a load, the least that its clock may tell
START_OFF = 0.1  # starts in a quarter of a second against the plan
LAG = 0.25  # of the mean latency, the part by which the generator itself was late
UNSEEN = 1.5  # times as long as a document that was seen takes one that was not: answers are kept, not worked out
FRESH = 1.5  # times the time or the server CPU of a document that was seen, for one that nobody could know
AFTER = 0.1  # of the server's CPU time under a load, the part that it spends once all is answered
LAST = 2.0  # requests' worth of work that may be left then: a server may tidy up behind its answer
SLOWER, SURE = 0.5, 5.0  # late answers to early ones; by how many standard deviations of a Poisson count they are fewer
DELAYED = 0.02  # share of answers by which 40 ms stands out
PACER, NULL = "pacer.", "null.rate"  # prefix of what the pacer measured after Gatling; the null server's rate
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
    requests, failed = _one(seen, "requests"), _one(seen, "failed")
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
    users, rate, mean = _one(seen, "users"), _one(seen, "rate"), _one(seen, "latency.mean")
    if users is None or rate is None or mean is None or rate * mean <= MORE_THAN_ALL * users:
        return None
    return f"{rate:.0f}/s × {1000 * mean:.3g} ms leaves {rate * mean:.1f} requests under way, of {users:.0f} users"


def count_and_rate(seen: Observed) -> str | None:
    """Requests ÷ the seconds that were asked for is the rate that Gatling's clock shows.

    The last answer may come after the time that was asked for, by no more than the longest took. A closed load of
    the pacer tells no latency, and its rate is that quotient itself.
    """
    requests, seconds, rate, longest = (_one(seen, name) for name in ("requests", "seconds", "rate", "latency.max"))
    if not requests or not seconds or not rate or longest is None:
        return None
    if abs(requests / seconds / rate - 1) <= COUNT_OFF + longest / seconds:
        return None
    return f"{requests:.0f} requests in {seconds:.0f} s are {requests / seconds:.1f}/s, not {rate:.1f}/s"


def cpu_resolved(seen: Observed) -> str | None:
    """The resolution of the server's CPU clock is a small part of the measured time."""
    share = _one(seen, "cpu.resolution")
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
    delayed, cpu, rate = _one(seen, "latency.delayed"), _one(seen, "cpu"), _one(seen, "rate")
    if delayed is None or cpu is None or rate is None or delayed <= DELAYED or cpu * rate >= BUSY:
        return None
    return f"{delayed:.0%} of the answers gather at 40 ms, with the server's core {cpu * rate:.0%} busy"


def starts_on_time(seen: Observed) -> str | None:
    """In each 250 ms of an open load as many requests start as the plan says."""
    off = _one(seen, "plan_deviation")
    if off is None or off <= START_OFF:
        return None
    return f"starts in one quarter of a second were {off:.0%} off the plan"


def generator_on_time(seen: Observed) -> str | None:
    """Latency counts from the intended start, and is the server's: the generator itself is hardly late."""
    mean, lag = _one(seen, "latency.mean"), _one(seen, "latency.lag")
    if not mean or lag is None or lag <= LAG * mean:
        return None
    return f"the generator itself was {1e6 * lag:.0f} µs late, of a mean latency of {1e6 * mean:.0f} µs"


def answers_worked_out(seen: Observed) -> str | None:
    """Documents that are sent only once take no longer than those that come again and again."""
    times = _paced(seen, "unseen")
    if times is None or times <= UNSEEN:
        return None
    return f"documents that were not seen before took {times:.1f} times as long: answers are kept, not worked out"


def fresh_worked_out(seen: Observed) -> str | None:
    """Asked alone, documents of a secret seed take no more time or CPU than such as the load sent."""
    for metric, unit in (("fresh.time", "as long"), ("fresh.cpu", "as much CPU time")):
        times = _one(seen, metric)
        if times is not None and times > FRESH:
            return f"documents that nobody could know took {times:.1f} times {unit}: answers are kept, not worked out"
    return None


def work_before_answer(seen: Observed) -> str | None:
    """The work is done when the answer comes: hardly any is left once all requests are answered."""
    after, reached = _paced(seen, "cpu.after"), _paced(seen, "reached")
    if after is None or reached is None or after <= AFTER or after * reached <= LAST:
        return None
    return f"{after:.0%} of the server's CPU time was spent after its last answer: it answers before it works"


def steady(seen: Observed) -> str | None:
    """The second half of a closed load brings about as many answers as the first."""
    early, late = _paced(seen, "answers.early"), _paced(seen, "answers.late")
    if early is None or late is None or late >= SLOWER * early or early - late < SURE * (early + late) ** 0.5:
        return None
    return f"{late:.0f} answers in the second half of the load after {early:.0f} in the first: it is fast only at first"


def connections_kept(seen: Observed) -> str | None:
    """A server keeps its connections or closes each after its answer; one that hangs up now and then loses requests."""
    resent, connected, reached = (_paced(seen, name) for name in ("resent", "connected", "reached"))
    if not resent or connected is None or reached is None or connected >= reached / 2:
        return None
    if _paced(seen, "latency.mean"):
        return None  # of an open load connections are idle in between, and may be closed for it
    return f"{resent:.0f} of {reached:.0f} requests met a kept connection that the server had closed without saying so"


def generator_idle(seen: Observed) -> str | None:
    """The core of the generator that found the capacity has time to spare: else it set the rate."""
    busy = _one(seen, f"{_found_by(seen)}generator_cpu")
    return None if busy is None or busy <= BUSY else f"the generator's core was {busy:.0%} busy"


def backend_idle(seen: Observed) -> str | None:
    """The core that generator and back end share has time to spare: else the service waits for more than it asks."""
    back, generator = _one(seen, "backend_cpu"), _one(seen, f"{_found_by(seen)}generator_cpu")
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
    paced, gatling = _one(seen, f"{PACER}cpu"), _one(seen, "cpu")
    return paced / gatling if paced and gatling else None


def above_no_plateau(seen: Observed) -> str | None:
    """A server without work answers far more: else the rate is the generator's, or the network's."""
    rate, null = reached(seen), _one(seen, NULL)
    if rate is None or null is None or rate < PLATEAU * null:
        return None
    return f"{rate:.0f}/s is {rate / null:.0%} of the {null:.0f}/s of a server without work"


_LITTLE = ("users", "rate", "latency.mean")
_COUNT = ("requests", "seconds", "rate", "latency.max")
_WAITED = ("latency.delayed", "cpu", "rate")
_BACK_END = ("backend_cpu", "generator_cpu")
GATES = (
    # Either generator compares each answer; a closed load of the pacer ends there, and no metric tells of it.
    Gate("right answers", "row", "Each answer has status 200 and, byte for byte, the right body.", right_answers),
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
        f"The second half of a closed load brings at least {SLOWER} times the answers of the first.",
        steady,
        ("answers.early", "answers.late"),
        noisy=True,
    ),
    Gate(
        "unseen documents",
        "row",
        f"Documents sent once take at most {UNSEEN} times as long as those sent in turn.",
        answers_worked_out,
        ("unseen",),
        noisy=True,
    ),
    Gate(
        "work before answer",
        "row",
        f"At most {AFTER:.0%} of the server's CPU time comes after its last answer.",
        work_before_answer,
        ("cpu.after", "reached"),
    ),
    Gate(
        "fresh documents",
        "row",
        f"Asked alone, documents of a secret seed take at most {FRESH} times the time or CPU of those sent before.",
        fresh_worked_out,
        ("fresh.",),
        noisy=True,
    ),
    Gate(
        "connections",
        "row",
        "Under a closed load a server does not hang up on a connection that it keeps.",
        connections_kept,
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
        "generator's lag",
        "latency",
        f"The generator's own lateness is at most {LAG:.0%} of the mean latency.",
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


def reached(seen: Observed) -> float | None:
    """Requests per second that a closed load reached: the server's capacity, unless a gate says that it is not."""
    return _one(seen, f"{_found_by(seen)}rate")


def drivable(seen: Observed) -> float | None:
    """Requests per second that an open load can have: what the server can answer, but no more than Gatling can ask.

    Gatling's part is its rate scaled to a core that is as busy as it may be.
    """
    found, gatling, busy = reached(seen), _one(seen, "rate"), _one(seen, "generator_cpu")
    return min(found, gatling * BUSY / busy) if found and gatling and busy else found


def paceable(seen: Observed) -> float | None:
    """Requests per second that an open load of the pacer can have: the server's capacity, or what the pacer can ask.

    The latter is its rate scaled to a core that is as busy as it may be.
    """
    found, busy = reached(seen), _one(seen, f"{_found_by(seen)}generator_cpu")
    return found * min(1.0, BUSY / busy) if found and busy else found


def _found_by(seen: Observed) -> str:
    """The prefix of what the generator measured that found the capacity: the pacer where both drove."""
    return PACER if seen.values(f"{PACER}rate") else ""


def _paced(seen: Observed, metric: str) -> float | None:
    """What the pacer measured, alone or after Gatling."""
    return _one(seen, f"{_found_by(seen)}{metric}")


def _one(seen: Observed, metric: str) -> float | None:
    return next(iter(seen.values(metric)), None)


def _latency(seen: Observed, name: str) -> float | None:
    """A percentile in seconds, one below the clock's resolution as that."""
    known = _one(seen, f"latency.{name}")
    return _one(seen, f"latency.{name}.below") if known is None else known


def _stands_for(need: str, metric: str) -> bool:
    return metric.startswith(need) if need.endswith(".") else metric == need

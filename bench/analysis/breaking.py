"""What a run under an open load says of overload: what broke first, at which rate, and how the server recovered.

In an open load a throughput that stays behind the plan shows as latency: each second adds to it what it lacks. So
latency tells when a server breaks, and requests without an answer are told beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import mean, median
from typing import Literal, NamedTuple

import msgspec

from bench.analysis import consistency, gates
from bench.analysis.capacity import BUSY
from bench.model import Observed

LATE_TIMES = 10  # a second is late above so many times the median latency before the overload …
LATE_SECONDS = 0.05  # … and above that
STEADY = 0.75  # share of capacity up to which the seconds before the overload are the usual ones
BACK_TIMES = 2  # it is back within so many times its latency before the overload …
BACK_SECONDS = 0.01  # … or below that
OUT_OF_SOCKETS = "never sent"  # Gatling may open no more: no fault of the server
KINDS = {
    OUT_OF_SOCKETS: re.compile(r"too many open files", re.IGNORECASE),
    "refused": re.compile(r"refused"),
    "timed out": re.compile(r"timed? ?out", re.IGNORECASE),
    "wrong": consistency.ANSWERED,
}
RULE = (
    "Latency of a second is the 99th percentile of the requests that started in it. If a second of the load holds too "
    "few requests for that, the median stands in, and below 20 requests a second the longest. "
    f"A second is late above {1000 * LATE_SECONDS:.0f} ms and {LATE_TIMES} times the usual median. "
    f"Usual are the seconds at up to {STEADY:.0%} of capacity before the first overload; if these are late already, "
    f"each above {1000 * LATE_SECONDS:.0f} ms is. "
    "A server breaks in its first late second; a lone late second within capacity does not count. "
    f"It has recovered once a second takes at most {BACK_TIMES} times the usual, or {1000 * BACK_SECONDS:.0f} ms. "
    "Recovery counts from the last second beyond capacity. A pause of Gatling's JVM makes no second late."
)

Percentile = Literal["p99", "p50", "max"]


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """The first late second of a load, its planned requests per second, and that as a `share` of the capacity.

    `answered` is how many requests a second were answered from then to the last second beyond capacity, or in that
    second alone. `recovered` counts seconds from the end of the overload, absent if they were not enough.
    """

    second: int
    rate: float
    share: float
    answered: float
    recovered: int | None


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """How a server took an open load: nothing `broke`, or that did; nothing is significant if `unknown` says why.

    `failures` counts the requests that had no right answer, by kind, and `failed` is the first and the last second in
    which one ended; `waiting` counts those without an answer when the load's last second ended. `watched` is how many
    seconds the load went on after its last second beyond capacity, `most` the most that were answered in one.
    """

    unknown: str | None = None
    judged_by: Percentile = "p99"
    broke: Break | None = None
    failures: dict[str, int] = {}
    failed: tuple[int, int] | None = None
    waiting: int = 0
    watched: int = 0
    most: float | None = None


class Second(NamedTuple):
    """A second of a load: requests planned, started, answered and failed in it; latencies of those that started."""

    planned: float
    started: float
    answered: float
    failed: float
    p50: float | None
    p99: float | None
    longest: float | None

    def level(self, percentile: Percentile) -> float | None:
        """The percentile, absent where too few requests bear it."""
        return {"p99": self.p99, "p50": self.p50, "max": self.longest}[percentile]


def overload(seen: Observed, capacity: float | None) -> Overload:
    """What an open load did to a server that answers `capacity` requests a second."""
    seconds = by_second(seen)
    failures, failed = kinds(seen.facts.get("failures", {})), _failed(seconds)
    if capacity is None:
        return Overload(unknown="its capacity is unknown", failures=failures, failed=failed)
    beyond = [at for at, second in enumerate(seconds) if second.planned > capacity]
    unknown = _generator_limit(seen, seconds) or (None if beyond else "the load stayed within its capacity")
    if unknown:
        return Overload(unknown=unknown, failures=failures, failed=failed)
    before = [second for second in seconds[: beyond[0]] if second.planned <= STEADY * capacity]
    by = _judged_by(seconds, before)
    middle: Percentile = "max" if by == "max" else "p50"
    medians, usual = ([level for second in before if (level := second.level(each))] for each in (middle, by))
    if not medians or not usual:
        few = "too few requests a second before the overload"
        return Overload(unknown=few, failures=failures, failed=failed)
    least = LATE_TIMES * median(medians) if median(medians) <= LATE_SECONDS else 0.0
    bound = max(least, LATE_SECONDS, *seen.values("generator_pause"))
    end = beyond[-1] + 1
    first = _first_late([second.level(by) for second in seconds], bound, beyond)
    broke = None
    if first is not None:
        after = [_level(second, by) for second in seconds[max(end, first + 1) :]]
        back = _recovered(after, max(BACK_TIMES * median(usual), BACK_SECONDS))
        broke = Break(
            second=first,
            rate=seconds[first].planned,
            share=seconds[first].planned / capacity,
            answered=mean(second.answered for second in seconds[first : max(end, first + 1)]),
            recovered=None if back is None else back + max(0, first + 1 - end),
        )
    return Overload(
        judged_by=by,
        broke=broke,
        failures=failures,
        failed=failed,
        waiting=waiting(seen),
        watched=len(seconds) - end,
        most=max(second.answered for second in seconds),
    )


def by_second(seen: Observed) -> list[Second]:
    """The measured seconds of an open load, without its lead-in."""
    plan: dict[int, list[float]] = {}
    for at, rate in seen.series.get("plan", ()):
        plan.setdefault(int(at or 0.0), []).append(rate or 0.0)
    latencies, answers = (_rows(seen.series.get(name, ())) for name in ("latency", "answers"))
    return [
        Second(mean(plan[at]), *(count or 0.0 for count in answers[at]), *latencies[at][1:])
        for at in sorted(plan)
        if at in latencies
    ]


def _rows(series: Sequence[Sequence[float | None]]) -> dict[int, Sequence[float | None]]:
    """What the rows of a series hold, by the second that begins them."""
    return {int(at): rest for at, *rest in series if at is not None}


def kinds(failures: dict[str, int]) -> dict[str, int]:
    """Failed requests by kind, from Gatling's messages; `lost` is a connection that broke."""
    found: Counter[str] = Counter()
    for message, count in failures.items():
        found[next((kind for kind, pattern in KINDS.items() if pattern.search(message)), "lost")] += count
    return dict(found)


def waiting(seen: Observed) -> int:
    """Requests without an answer when the load's last whole second ended, the lead-in's included."""
    rows = _rows(seen.series.get("answers", ())).values()
    return round(sum((started or 0.0) - (answered or 0.0) - (failed or 0.0) for started, answered, failed in rows))


def _generator_limit(seen: Observed, seconds: Sequence[Second]) -> str | None:
    """Why the run tells of Gatling and not of the server; at the load's peak its core needs time to spare, too."""
    never = kinds(seen.facts.get("failures", {})).get(OUT_OF_SOCKETS)
    if never:
        return f"Gatling had no socket for {never:,} requests"
    tripped = gates.judge(seen)
    if tripped:
        return tripped[0].reason
    rates = [second.planned for second in seconds]
    busy = max(seen.values("generator_cpu"), default=0.0)
    peak = busy * max(rates) / mean(rates) if rates else 0.0
    if peak <= BUSY:
        return None
    return f"Gatling's core was {busy:.0%} busy, which is {peak:.0%} at the load's peak"


def _judged_by(seconds: Sequence[Second], before: Sequence[Second]) -> Percentile:
    """The percentile that the requests of a second bear: of every one, or at least of one before the overload."""
    if all(second.p99 is not None for second in seconds):
        return "p99"
    return "p50" if any(second.p50 is not None for second in before) else "max"


def _first_late(levels: Sequence[float | None], bound: float, beyond: Sequence[int]) -> int | None:
    """The first late second that is `beyond` capacity, or that another late one follows."""
    late = {at for at, level in enumerate(levels) if level is not None and level > bound}
    return min((at for at in late if at in beyond or at + 1 in late), default=None)


def _level(second: Second, by: Percentile) -> float | None:
    """The percentile, or the longest latency where a second bears no percentile."""
    level = second.level(by)
    return second.longest if level is None else level


def _recovered(after: Sequence[float | None], limit: float) -> int | None:
    """How many seconds it takes until one is within the limit; None if none is."""
    return next((count for count, level in enumerate(after, 1) if level is not None and level <= limit), None)


def _failed(seconds: Sequence[Second]) -> tuple[int, int] | None:
    """The first and the last second in which a request failed."""
    known = [at for at, second in enumerate(seconds) if second.failed]
    return (known[0], known[-1]) if known else None

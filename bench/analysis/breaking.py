"""Overload in a run under an open load: when latency broke, at which rate, and how the server recovered.

Throughput below the planned rate shows as latency, which grows by the deficit of each second. So latency decides when
a server breaks. Requests without an answer are counted beside it.
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

MICRO = 1e-6
LATE_TIMES = 10  # a second is late above this multiple of the usual median latency …
LATE_SECONDS = 0.05  # … and above this latency
STEADY = 0.75  # share of capacity up to which seconds before the overload count as usual
BACK_TIMES = 2  # a server has recovered at this multiple of its usual latency …
BACK_SECONDS = 0.01  # … or at this latency
OUT_OF_SOCKETS = "never sent"  # Gatling may open no more sockets: not a failure of the server
KINDS = {
    OUT_OF_SOCKETS: re.compile(r"too many open files", re.IGNORECASE),
    "refused": re.compile(r"refused"),
    "timed out": re.compile(r"timed? ?out", re.IGNORECASE),
    "wrong": consistency.ANSWERED,
}
RULE = (
    "The latency of a second is the 99th percentile of the requests that started in it. If one second of the load has "
    "too few requests for that, the median decides. Below 20 requests per second, the longest latency decides. "
    f"A second is late above {LATE_SECONDS / MICRO:,.0f} µs and {LATE_TIMES} times the usual median. "
    f"The usual median is that of the seconds at up to {100 * STEADY:.0f} % of capacity before the first overload. If "
    f"these are late themselves, every second above {LATE_SECONDS / MICRO:,.0f} µs is late. "
    "A server breaks in its first late second. A single late second within capacity does not count. "
    f"It recovers in the first second within {BACK_TIMES} times its usual latency, or {BACK_SECONDS / MICRO:,.0f} µs. "
    "Recovery counts from the last second beyond capacity. "
    "A latency no longer than the longest pause of Gatling's JVM is not late."
)

JudgedBy = Literal["p99", "p50", "max"]


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """The first late second of a load: its planned `rate` in requests per second, and rate ÷ capacity as `share`.

    `answered` is the mean rate of answers from that second to the last one beyond capacity, or in that second alone if
    it comes later. `recovered` is in seconds from the end of the overload; None if the server did not recover.
    """

    second: int
    rate: float
    share: float
    answered: float
    recovered: int | None


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of an open load on a server. `unknown` is the reason why the run has no result, None if it has one.

    `broke` is None if nothing broke. `failures` counts the requests without a right answer, by kind; `failed` is the
    first and the last second in which one ended. `waiting` counts requests without an answer at the end of the load's
    last second. `watched` is the number of seconds after the last one beyond capacity. `most` is the largest number of
    answers in one second.
    """

    unknown: str | None = None
    judged_by: JudgedBy = "p99"
    broke: Break | None = None
    failures: dict[str, int] = {}
    failed: tuple[int, int] | None = None
    waiting: int = 0
    watched: int = 0
    most: float | None = None


class Second(NamedTuple):
    """One second of a load: requests planned, started, answered and failed; seconds of latency of those started."""

    planned: float
    started: float
    answered: float
    failed: float
    p50: float | None
    p99: float | None
    longest: float | None

    def level(self, percentile: JudgedBy) -> float | None:
        """The percentile; None where the second has too few requests."""
        return {"p99": self.p99, "p50": self.p50, "max": self.longest}[percentile]


def overload(seen: Observed, capacity: float | None) -> Overload:
    """The effect of an open load on a server that answers `capacity` requests a second."""
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
    middle: JudgedBy = "max" if by == "max" else "p50"
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
    """The measured seconds of an open load. The lead-in is left out."""
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
    """The rows of a series, by the second in their first cell."""
    return {int(at): rest for at, *rest in series if at is not None}


def kinds(failures: dict[str, int]) -> dict[str, int]:
    """Failed requests by kind, from Gatling's messages. `lost` is a broken connection."""
    found: Counter[str] = Counter()
    for message, count in failures.items():
        found[next((kind for kind, pattern in KINDS.items() if pattern.search(message)), "lost")] += count
    return dict(found)


def waiting(seen: Observed) -> int:
    """Requests without an answer at the end of the load's last whole second, including those of the lead-in."""
    rows = _rows(seen.series.get("answers", ())).values()
    return round(sum((started or 0.0) - (answered or 0.0) - (failed or 0.0) for started, answered, failed in rows))


def _generator_limit(seen: Observed, seconds: Sequence[Second]) -> str | None:
    """Why the run measures Gatling and not the server. Gatling's core needs time to spare at the load's peak, too."""
    if OUT_OF_SOCKETS in kinds(seen.facts.get("failures", {})):
        return "Gatling ran out of sockets"
    tripped = gates.judge(seen)
    if tripped:
        return tripped[0].reason
    rates = [second.planned for second in seconds]
    busy = max(seen.values("generator_cpu"), default=0.0)
    peak = busy * max(rates) / mean(rates) if rates else 0.0
    if peak <= BUSY:
        return None
    return f"Gatling's core was {100 * busy:.0f} % busy, or {100 * peak:.0f} % at the load's peak"


def _judged_by(seconds: Sequence[Second], before: Sequence[Second]) -> JudgedBy:
    """The p99 if every second has one, the median if a second before the overload has one, else the longest latency."""
    if all(second.p99 is not None for second in seconds):
        return "p99"
    return "p50" if any(second.p50 is not None for second in before) else "max"


def _first_late(levels: Sequence[float | None], bound: float, beyond: Sequence[int]) -> int | None:
    """The first late second that lies `beyond` capacity or precedes another late one."""
    late = {at for at, level in enumerate(levels) if level is not None and level > bound}
    return min((at for at in late if at in beyond or at + 1 in late), default=None)


def _level(second: Second, by: JudgedBy) -> float | None:
    """The percentile, or the longest latency where the second has too few requests."""
    level = second.level(by)
    return second.longest if level is None else level


def _recovered(after: Sequence[float | None], limit: float) -> int | None:
    """The number of seconds up to the first one within the limit; None if none is."""
    return next((count for count, level in enumerate(after, 1) if level is not None and level <= limit), None)


def _failed(seconds: Sequence[Second]) -> tuple[int, int] | None:
    """The first and the last second in which a request failed."""
    known = [at for at, second in enumerate(seconds) if second.failed]
    return (known[0], known[-1]) if known else None

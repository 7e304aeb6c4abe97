"""The metrics of a pacer run, from its records: rates, latencies from the intended start, and inputs of the gates."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import RIGHT, LabError
from bench.measure.instruments import latency, pacer_files
from bench.measure.instruments.pacer_files import PacerOutcome, Records
from bench.model import Load

NS = 1e9
FEWEST = 5  # answered requests that a quartile requires
# Not the median: if other work disturbs the server, its answers fall into two groups, of 0.3 and 20 ms under gevent. By
# chance, half of the few documents that are sent once may be in the slow one.
QUARTER = 25

Metrics = dict[str, tuple[str, float]]  # unit and value by metric


class PacerResult(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of a load without its lead-in. Only `reached` counts all requests.

    `started`, `ended`: the span of the measured part, in seconds of the epoch. `metrics`:

    - `requests`: sent in the measured part; of a closed load, answered in it. `failed`: wrong or missing answers.
    - `rate`: right answers per second of the measured part.
    - `generator_cpu`: the generator's use of its core, 0 to 1.
    - `under_way`: most concurrent requests. `connected`: connections. `resent`: repeated requests.
    - `unseen`: lower quartile of the times of documents that were sent only once, divided by that of the others.
    - Closed loads: `answers.early`, `answers.late`: answers in the first and second half.
    - Open loads: `latency.*`: of right answers, from the intended start, without the generator's own lateness.
      `latency.lag`: the mean of that lateness. `latency.early`, `latency.late`: the medians of the two halves.

    `series` has a row per second: second, requests due, p50, p99, maximum. `difference` shows the first wrong answer.
    """

    metrics: Metrics
    failures: dict[str, int]
    difference: str | None = None
    reached: int
    started: float
    ended: float
    series: tuple[tuple[float | None, ...], ...] = ()

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return self.metrics["rate"][1]


def read_closed(load: Load, repeated: int, outcome: PacerOutcome, difference: str | None = None) -> PacerResult:
    """Return the result of a closed load. Exchanges from the index `repeated` on were sent only once.

    A server that is cold may answer nothing within the window: the rate is 0 then. Raises LabError for a wrong or
    missing answer.
    """
    records, seconds = outcome.records, load.seconds or 0.0
    wrong = pacer_files.failures(records)
    if wrong:
        raise LabError(
            f"{sum(wrong.values())} of {len(records)} answers were wrong or missing: {describe(wrong, difference)}",
            gate=RIGHT,
        )
    within = int((records["done"] <= seconds * NS).sum())
    early = int((records["done"] <= seconds * NS / 2).sum())
    counts = {"requests": within, "answers.early": early, "answers.late": within - early}
    rates: Metrics = {"seconds": ("s", seconds), "rate": ("1/s", within / seconds)}
    return PacerResult(
        metrics=_common(outcome, records, repeated)
        | rates
        | {name: ("1", float(count)) for name, count in counts.items()},
        failures={},
        reached=len(records),
        started=outcome.began,
        ended=outcome.began + outcome.seconds,
    )


def read_open(
    load: Load, repeated: int, outcome: PacerOutcome, difference: str | None = None
) -> tuple[PacerResult, bytes]:
    """Return the result of an open load, and its latencies in microseconds as an encoded HdrHistogram.

    Exchanges from the index `repeated` on were sent only once. Raises LabError if no request was answered right.
    """
    lead_in, seconds = load.lead_in_seconds * NS, sum(each.seconds for each in load.segments)
    measured = outcome.records[outcome.records["due"] >= lead_in]
    wrong = pacer_files.failures(outcome.records)
    right = measured[measured["verdict"] == pacer_files.RIGHT]
    took = _latency_ns(right)
    if not len(took):
        raise LabError(
            f"none of {len(measured)} requests was answered right: {describe(wrong, difference)}", gate=RIGHT
        )
    within = int((right["done"] <= lead_in + seconds * NS).sum())
    rates: Metrics = {"seconds": ("s", seconds), "rate": ("1/s", within / seconds)}
    result = PacerResult(
        metrics=_common(outcome, measured, repeated) | rates | _latencies(right, took) | _halves(right, took),
        failures=wrong,
        difference=difference,
        reached=len(outcome.records),
        started=outcome.began + lead_in / NS,
        ended=outcome.began + outcome.seconds,
        series=tuple(_by_second(measured, lead_in)),
    )
    counted = latency.histogram(np.maximum(took // 1000, 1), latency.LONGEST_MS * 1000)
    return result, counted.encode()


def describe(failures: dict[str, int], difference: str | None = None) -> str:
    """Return the failures of each kind, such as `2 × status 500, 1 × no answer`, then the first difference if known."""
    counted = ", ".join(f"{count} × {kind}" for kind, count in failures.items())
    return f"{counted}; {difference}" if difference else counted


def _common(outcome: PacerOutcome, records: Records, repeated: int) -> Metrics:
    """Return the metrics of both load models. `records`: those of the measured part."""
    counts: dict[str, Any] = {
        "requests": len(records),
        "failed": int((outcome.records["verdict"] != pacer_files.RIGHT).sum()),
        "generator_cpu": outcome.cpu_seconds / outcome.seconds,
        "under_way": outcome.most_under_way,
        "connected": outcome.connected,
        "resent": outcome.resent,
    }
    took, once = records["done"] - records["sent"], records["exchange"] >= repeated
    if once.sum() >= FEWEST and (~once).sum() >= FEWEST:
        counts["unseen"] = np.percentile(took[once], QUARTER) / np.percentile(took[~once], QUARTER)
    return {name: ("1", float(value)) for name, value in counts.items()}


def _latency_ns(records: Records) -> NDArray[np.int64]:
    """Return the ns from the intended start to the last byte, without the generator's own lateness.

    The generator is late when the kernel does not schedule it, which does not depend on the server. Waiting for a free
    connection counts as latency.
    """
    nanoseconds: NDArray[np.int64] = records["done"] - records["noticed"]
    return nanoseconds


def _latencies(right: Records, took: NDArray[np.int64]) -> Metrics:
    """Return the percentiles that the number of values supports, maximum, mean, and the generator's mean lateness."""
    ordered = np.sort(took)
    levels = {name: latency.percentile(ordered, part) for name, part in latency.PERCENTILES.items()}
    found = {name: level for name, level in levels.items() if level is not None} | {
        "max": ordered[-1],
        "mean": took.mean(),
        "lag": (right["noticed"] - right["due"]).mean(),
    }
    metrics: Metrics = {f"latency.{name}": ("s", float(level) / NS) for name, level in found.items()}
    return metrics | {"latency.delayed": ("1", latency.delayed(took // 1_000_000))}


def _halves(right: Records, took: NDArray[np.int64]) -> Metrics:
    """Return the median latencies of requests due in the first and in the second half of the measured part."""
    early = right["due"] < (right["due"][0] + right["due"][-1]) / 2
    if min(early.sum(), (~early).sum()) < FEWEST:
        return {}
    halves = {"latency.early": took[early], "latency.late": took[~early]}
    return {name: ("s", float(np.median(values)) / NS) for name, values in halves.items()}


def _by_second(records: Records, lead_in: float) -> list[tuple[float | None, ...]]:
    """Return a row for each second: the requests due in it, and the latencies of their right answers."""
    second = ((records["due"] - lead_in) // NS).astype(np.int64)
    rows = []
    for each in range(int(second.max()) + 1):
        own = records[second == each]
        took = np.sort(_latency_ns(own[own["verdict"] == pacer_files.RIGHT]))
        levels = [latency.percentile(took, latency.PERCENTILES[name]) for name in ("p50", "p99")]
        levels.append(int(took[-1]) if len(took) else None)
        rows.append((float(each), float(len(own)), *(None if level is None else level / NS for level in levels)))
    return rows

"""What became of a load: the pacer's records → rates, percentiles from the intended start, and what gates ask."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import RIGHT, LabError
from bench.measure.instruments import latency, pacer_files
from bench.measure.instruments.pacer_files import Records, Told
from bench.model import Load

NS = 1e9
FEWEST = 5  # requests of a kind that were answered, for their median to say something

Metrics = dict[str, tuple[str, float]]  # unit and value by metric


class PacerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a load yielded; a lead-in is left out but for `reached`, which counts all requests.

    `started` and `ended` enclose the measured part, in seconds of the epoch. `metrics` are: `requests` sent in it (of
    a closed load, answered in it) and those that `failed`; the `rate` of right answers that came in it; the generator's
    use of its core, 0 to 1 (`generator_cpu`); the most requests `under_way` at a time; connections that were
    `connected`; requests `resent`; the median time of documents that were sent only once, in units of the others'
    (`unseen`). Of a closed load also the answers of either half. Of an open one `latency.*`, of right answers from the
    intended start. `latency.lag` is the generator's mean lateness, which they do not hold, `latency.early` and
    `latency.late` are the medians of either half. `series` has a row a second: second, requests due, p50, p99, longest.
    """

    metrics: Metrics
    failures: dict[str, int]
    reached: int
    started: float
    ended: float
    series: tuple[tuple[float | None, ...], ...] = ()

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return self.metrics["rate"][1]


def read_closed(load: Load, seen: int, told: Told, difference: str | None = None) -> PacerResult:
    """Of a closed load, whose exchanges from the number `seen` on were sent only once.

    Raises LabError for an answer that is wrong or lost, or where none came within the window.
    """
    records, seconds = told.records, load.seconds or 0.0
    wrong = pacer_files.failures(records)
    if wrong:
        raise LabError(
            f"{sum(wrong.values())} of {len(records)} answers were wrong or lost: {words(wrong, difference)}",
            gate=RIGHT,
        )
    within = int((records["done"] <= seconds * NS).sum())
    if not within:
        raise LabError("no answer arrived within the window: the load is too short")
    early = int((records["done"] <= seconds * NS / 2).sum())
    counts = {"requests": within, "answers.early": early, "answers.late": within - early}
    own: Metrics = {"seconds": ("s", seconds), "rate": ("1/s", within / seconds)}
    return PacerResult(
        metrics=_counted(told, records, seen) | own | {name: ("1", float(count)) for name, count in counts.items()},
        failures={},
        reached=len(records),
        started=told.began,
        ended=told.began + told.seconds,
    )


def read_open(load: Load, seen: int, told: Told, difference: str | None = None) -> tuple[PacerResult, bytes]:
    """Of an open load, with its latencies in microseconds as an encoded HdrHistogram.

    Raises LabError if no request was answered right.
    """
    lead_in, seconds = load.lead_in_seconds * NS, sum(each.seconds for each in load.segments)
    measured = told.records[told.records["due"] >= lead_in]
    wrong = pacer_files.failures(told.records)
    right = measured[measured["verdict"] == pacer_files.RIGHT]
    took = _waited(right)
    if not len(took):
        raise LabError(f"none of {len(measured)} requests was answered right: {words(wrong, difference)}", gate=RIGHT)
    within = int((right["done"] <= lead_in + seconds * NS).sum())
    asked: Metrics = {"seconds": ("s", seconds), "rate": ("1/s", within / seconds)}
    outcome = PacerResult(
        metrics=_counted(told, measured, seen) | asked | _latencies(right, took) | _halves(right, took),
        failures=wrong,
        reached=len(told.records),
        started=told.began + lead_in / NS,
        ended=told.began + told.seconds,
        series=tuple(_by_second(measured, lead_in)),
    )
    counted = latency.histogram(np.maximum(took // 1000, 1), latency.LONGEST_MS * 1000)
    return outcome, counted.encode()


def words(failures: dict[str, int], difference: str | None = None) -> str:
    """What was wrong with how many answers, and how the first of them differs, where that is known."""
    counted = ", ".join(f"{count} × {what}" for what, count in failures.items())
    return f"{counted}; {difference}" if difference else counted


def _counted(told: Told, records: Records, seen: int) -> Metrics:
    """What is told of either load; `records` are those of its measured part."""
    counts: dict[str, Any] = {
        "requests": len(records),
        "failed": int((told.records["verdict"] != pacer_files.RIGHT).sum()),
        "generator_cpu": told.cpu_seconds / told.seconds,
        "under_way": told.most,
        "connected": told.connected,
        "resent": told.resent,
    }
    took, once = records["done"] - records["sent"], records["exchange"] >= seen
    if once.sum() >= FEWEST and (~once).sum() >= FEWEST:
        counts["unseen"] = np.median(took[once]) / np.median(took[~once])
    return {name: ("1", float(value)) for name, value in counts.items()}


def _waited(records: Records) -> NDArray[np.int64]:
    """Nanoseconds from the intended start to the last byte, without those by which the generator itself was late.

    It is late where it is not scheduled, whatever the server does; the wait for a free connection is no part of that.
    """
    waited: NDArray[np.int64] = records["done"] - records["noticed"]
    return waited


def _latencies(right: Records, took: NDArray[np.int64]) -> Metrics:
    """Percentiles as far as the values bear them, the longest, the mean, and the generator's mean lateness."""
    ordered = np.sort(took)
    levels = {name: latency.percentile(ordered, part) for name, part in latency.PERCENTILES.items()}
    found = {name: level for name, level in levels.items() if level is not None} | {
        "max": ordered[-1],
        "mean": took.mean(),
        "lag": (right["noticed"] - right["due"]).mean(),
    }
    told: Metrics = {f"latency.{name}": ("s", float(level) / NS) for name, level in found.items()}
    return told | {"latency.delayed": ("1", latency.delayed(took // 1_000_000))}


def _halves(right: Records, took: NDArray[np.int64]) -> Metrics:
    """The median of those that were due in the first half of the measured part, and in the second."""
    early = right["due"] < (right["due"][0] + right["due"][-1]) / 2
    if min(early.sum(), (~early).sum()) < FEWEST:
        return {}
    halves = {"latency.early": took[early], "latency.late": took[~early]}
    return {name: ("s", float(np.median(values)) / NS) for name, values in halves.items()}


def _by_second(records: Records, lead_in: float) -> list[tuple[float | None, ...]]:
    """A row for each second: how many requests were due in it, and how long the right answers to them took."""
    second = ((records["due"] - lead_in) // NS).astype(np.int64)
    rows = []
    for each in range(int(second.max()) + 1):
        own = records[second == each]
        took = np.sort(_waited(own[own["verdict"] == pacer_files.RIGHT]))
        levels = [latency.percentile(took, latency.PERCENTILES[name]) for name in ("p50", "p99")]
        levels.append(int(took[-1]) if len(took) else None)
        rows.append((float(each), float(len(own)), *(None if level is None else level / NS for level in levels)))
    return rows

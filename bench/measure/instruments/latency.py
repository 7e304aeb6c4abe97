"""Statistics of latencies: percentiles that the number of values supports, and rows by second.

Latencies are stored as an HdrHistogram, in whole milliseconds or microseconds, which HdrHistogram's tools can read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter
from numpy.typing import NDArray

from bench.measure.instruments.simulation_log import Requests

PERCENTILES = {"p50": 500, "p75": 750, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999}  # in thousandths
BEYOND = 10  # number of values that must lie beyond a percentile
LONGEST_MS = 600_000
DIGITS = 4  # exact up to 16 s
DELAYED = (39, 47)  # ms from … to; the latency caused by Linux's delayed acknowledgement (40 ms)

Integers = NDArray[np.int64]  # numbers of some unit of time
Row = tuple[float | None, ...]
ROW = ("second", "started", "answered", "failed", "p50", "p95", "p99", "max")


class Latency(msgspec.Struct, frozen=True):
    """Whole milliseconds. With `below` it is less than that, because the log's clock has a resolution of 1 ms."""

    ms: int
    below: bool = False

    def __str__(self) -> str:
        return f"{'< ' if self.below else ''}{self.ms} ms"


def latency(ms: int) -> Latency:
    """Convert a latency of the log, where 0 means that both time stamps are in the same millisecond."""
    return Latency(ms) if ms else Latency(1, below=True)


def histogram(latencies: Integers, longest: int = LONGEST_MS) -> HdrHistogram:
    """Return the histogram of latencies, which have the same unit as the `longest` possible one."""
    made = HdrHistogram(1, longest, DIGITS)
    for level, count in zip(*np.unique(latencies, return_counts=True), strict=True):
        made.record_value(int(level), int(count))
    return made


def write_log(encoded: bytes, path: Path, started: float, seconds: float, unit: str = "milliseconds") -> None:
    """Write an encoded histogram as a log with one interval, in HdrHistogram's log format."""
    with path.open("w") as file:
        log = HistogramLogWriter(file)
        log.output_log_format_version()
        log.output_comment(f"[Latencies in {unit}; 0 is below the clock's resolution]")
        log.output_legend()
        log.output_interval_histogram(HdrHistogram.decode(encoded), started, started + seconds, 1000.0)


def percentiles(counted: HdrHistogram) -> dict[str, Latency]:
    """Return percentiles by nearest rank. One with fewer than `BEYOND` values beyond it is absent."""
    total = counted.get_total_count()
    known = {name: part / 10 for name, part in PERCENTILES.items() if total - _rank(total, part) >= BEYOND}
    values = counted.get_percentile_to_value_dict(known.values()) if known else {}
    return {name: latency(values[share]) for name, share in known.items()}


def delayed(latencies: Integers) -> float:
    """Return the share of latencies around 40 ms in excess of the bands below and above, or 0.

    Such a mode is caused by answers whose second part waits for the acknowledgement of the first (Nagle's algorithm).
    """
    low, high = DELAYED
    width = high - low
    around = np.histogram(latencies, [low - width, low, high, high + width])[0]
    return float(max(around[1] - (around[0] + around[2]) / 2, 0) / max(len(latencies), 1))


def percentile(ordered: Integers, thousandths: int) -> int | None:
    """Return a percentile of sorted values by nearest rank, or None with fewer than `BEYOND` values beyond it."""
    rank = _rank(len(ordered), thousandths)
    return int(ordered[rank - 1]) if len(ordered) - rank >= BEYOND else None


def _rank(count: int, thousandths: int) -> int:
    return -(-count * thousandths // 1000)


def by_second(parts: Iterable[Requests], origin: int) -> tuple[Row, ...]:
    """Return one row of `ROW` for each second before and after `origin` (ms), up to the last start.

    `answered` and `failed`: right and wrong answers that ended in that second. Latencies: of the right answers to
    requests that started in it, in ms, at least 1 (the clock's resolution).
    """
    parts = list(parts)
    start, end, ok = (np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "end", "ok"))
    began, ended, took = (start - origin) // 1000, (end - origin) // 1000, end - start
    return tuple(
        (
            float(second),
            float(np.count_nonzero(began == second)),
            float(np.count_nonzero(ok & (ended == second))),
            float(np.count_nonzero(~ok & (ended == second))),
            *_levels(np.sort(took[ok & (began == second)])),
        )
        for second in range(int(began.min()), round((int(start.max()) - origin) / 1000))
    )


def _levels(ordered: Integers) -> Row:
    levels = [percentile(ordered, PERCENTILES[name]) for name in ("p50", "p95", "p99")]
    levels.append(int(ordered[-1]) if len(ordered) else None)
    return tuple(None if ms is None else float(max(ms, 1)) for ms in levels)

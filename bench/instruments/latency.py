"""What a list of latencies says: percentiles as far as it can bear them, and how they went second by second."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.instruments.simulation_log import Requests

PERCENTILES = {"p50": 500, "p75": 750, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999}  # in thousandths
BEYOND = 10  # a percentile needs so many values beyond it

Milliseconds = NDArray[np.int64]
Row = tuple[float | None, ...]
ROW = ("second", "started", "answered", "failed", "p50", "p95", "p99", "max")


class Latency(msgspec.Struct, frozen=True):
    """Whole milliseconds; `below` says that it is less than that: the log's clock does not show less than 1 ms."""

    ms: int
    below: bool = False

    def __str__(self) -> str:
        return f"{'< ' if self.below else ''}{self.ms} ms"


def latency(ms: int) -> Latency:
    """A latency as the log has it: its 0 means that both stamps fell into one millisecond."""
    return Latency(ms) if ms else Latency(1, below=True)


def percentiles(latencies: Milliseconds) -> dict[str, Latency]:
    """Percentiles by nearest rank; one with fewer than `BEYOND` values beyond it is absent."""
    ordered = np.sort(latencies)
    found = {name: _percentile(ordered, thousandths) for name, thousandths in PERCENTILES.items()}
    return {name: latency(ms) for name, ms in found.items() if ms is not None}


def _percentile(ordered: Milliseconds, thousandths: int) -> int | None:
    rank = -(-len(ordered) * thousandths // 1000)
    return int(ordered[rank - 1]) if len(ordered) - rank >= BEYOND else None


def by_second(parts: Iterable[Requests], origin: int) -> tuple[Row, ...]:
    """Rows of `ROW`, one for each second before and after `origin` (ms) up to the last start.

    Latencies are of the right answers among the requests that started in that second, in ms, no less than 1 (the
    clock's resolution); `answered` counts the right answers that ended in it, `failed` the wrong ones.
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


def _levels(ordered: Milliseconds) -> Row:
    levels = [_percentile(ordered, PERCENTILES[name]) for name in ("p50", "p95", "p99")]
    levels.append(int(ordered[-1]) if len(ordered) else None)
    return tuple(None if ms is None else float(max(ms, 1)) for ms in levels)

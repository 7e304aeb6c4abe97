"""Figures of one subject from its runs. An absent figure has a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from bench.analysis import gates
from bench.analysis.capacity import reached
from bench.analysis.warmup import Warmup, running_median, warmup
from bench.build.contents import PARTS
from bench.model import Observed, Run

LIMITED = "generator-limited"
TOO_FEW = "fewer than 10 requests lie beyond this percentile"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A number in SI units, or the `reason` why there is none, with the text that stands `instead` of it.

    `below`: the true value is below `value`, which is the clock's resolution.
    """

    value: float | None = None
    below: bool = False
    reason: str | None = None
    instead: str = "—"


def mean(runs: Sequence[Run], metric: str, reason: str) -> Figure:
    """The mean of the processes' means."""
    means = [np.mean(run.values(metric)) for run in runs if run.values(metric)]
    return Figure(value=float(np.mean(means))) if means else Figure(reason=reason)


def backend(runs: Sequence[Run]) -> Figure:
    """The CPU time per request of the backend behind a stack: its share of a core ÷ the rate; absent without one."""
    shares = [(*run.values("backend_cpu"), *run.values("rate")) for run in runs if run.values("backend_cpu")]
    return Figure(value=float(np.mean([share / rate for share, rate in shares]))) if shares else Figure()


def quantile(runs: Sequence[Run], metric: str, share: float, reason: str) -> Figure:
    """The quantile over processes with one value each."""
    values = [value for run in runs for value in run.values(metric)]
    return Figure(value=float(np.quantile(values, share))) if values else Figure(reason=reason)


def capacity(runs: Sequence[Run], null: float | None, reason: str) -> Figure:
    """The server's capacity in requests per second; absent where a gate rejects it.

    `null` is the rate of a server without work.
    """
    spoilt = first_tripped(runs, "capacity", null)
    if spoilt:
        instead = LIMITED if spoilt.gate in {"generator", "plateau"} else "—"
        return Figure(reason=f"gate {spoilt.gate}: {spoilt.reason}", instead=instead)
    rates = [rate for run in runs if (rate := reached(run))]
    return Figure(value=float(np.mean(rates))) if rates else Figure(reason=reason)


def first_tripped(seen: Iterable[Observed], spoils: gates.Spoils, null: float | None = None) -> gates.Tripped | None:
    """The first gate, of those that spoil such a figure, that what was `seen` trips; None without one."""
    found = (tripped for each in seen for tripped in gates.judge(each, null) if tripped.spoils == spoils)
    return next(found, None)


def latency(runs: Sequence[Run], percentile: str, reason: str) -> Figure:
    """The median of a percentile over the runs. A value below the clock's resolution counts as that resolution."""
    metric = f"latency.{percentile}"
    spoilt = first_tripped(runs, "latency")
    if spoilt:
        return Figure(reason=f"gate {spoilt.gate}: {spoilt.reason}")
    known = [value for run in runs for value in run.values(metric)]
    bounds = [value for run in runs for value in run.values(f"{metric}.below")]
    if not known and not bounds:
        return Figure(reason=TOO_FEW if runs else reason)
    value = float(np.median(known + bounds))
    return Figure(value=value, below=bool(bounds) and value <= max(bounds))


def warm(runs: Sequence[Run], tolerance: float) -> Warmup | None:
    """The typical warm-up of a process over its passes; None where none was timed."""
    steady = [len(run.values("time")) for run in runs]
    if not steady or not min(steady):
        return None
    return warmup([run.values("warmup") + run.values("time") for run in runs], min(steady), tolerance)


def settled(runs: Sequence[Run], shape: Warmup | None, reason: str) -> Figure:
    """Seconds of work before the steady state of a fresh process: its first document and the passes before."""
    if shape is None:
        return Figure(reason=reason)
    if shape.before is None:
        return Figure(reason="no steady state was reached", instead="never")
    spent = [_before_steady(run, shape.before) for run in runs if run.values("documents")]
    if not spent:
        return Figure(reason="the number of documents in a pass was not stored")
    return Figure(value=float(np.mean(spent)))


def warmed_up(runs: Sequence[Run], tolerance: float, reason: str) -> Figure:
    """Seconds of a light load before a fresh server's CPU per request, second by second, is steady."""
    warmed = [run.series["warmup"] for run in runs if "warmup" in run.series]
    if not warmed:
        return Figure(reason="no warm-up beside the lead-in" if runs else reason)
    spent = [running_median([row[2] or 0.0 for row in rows]) for rows in warmed]
    shape = warmup(spent, max(1, min(map(len, spent)) // 3), tolerance)
    if shape.before is None:
        return Figure(reason=f"no steady state within {len(spent[0])} s", instead="never")
    return Figure(value=float(shape.before), reason=shape.shape)


def _before_steady(run: Run, passes: int) -> float:
    """Seconds of the first document and of `passes` passes, whose values are seconds per document."""
    (documents,) = run.values("documents")
    return sum(run.values("first")) + documents * sum((run.values("warmup") + run.values("time"))[:passes])


def parts_of(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """Bytes by part and kind, from the last run. Empty parts are absent."""
    found: dict[str, dict[str, float]] = {}
    for metric in (metric for run in runs for metric in run.measurements):
        part, _, kind = metric.metric.partition(".")
        if part in PARTS:
            found.setdefault(part, {})[kind] = metric.values[-1]
    return found


def total(parts: dict[str, dict[str, float]], kind: str, reason: str) -> Figure:
    """The sum of the bytes of all parts."""
    return Figure(value=sum(part[kind] for part in parts.values())) if parts else Figure(reason=reason)

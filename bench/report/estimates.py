"""Figures of one subject from its runs; a figure that is absent says why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from bench.analysis import gates
from bench.analysis.capacity import reached
from bench.analysis.warmup import Warmup, warmup, without_lone
from bench.measure.instruments.sizes import PARTS
from bench.model import Run

LIMITED = "generator-limited"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A number in SI units, or why there is none; `below` says that the truth is somewhere under `value`."""

    value: float | None = None
    below: bool = False
    reason: str | None = None
    instead: str = "—"


def mean(runs: Sequence[Run], metric: str, reason: str) -> Figure:
    """The mean over processes of each one's mean."""
    means = [np.mean(run.values(metric)) for run in runs if run.values(metric)]
    return Figure(value=float(np.mean(means))) if means else Figure(reason=reason)


def quantile(runs: Sequence[Run], metric: str, share: float, reason: str) -> Figure:
    """The quantile over processes, each of which has one value."""
    values = [value for run in runs for value in run.values(metric)]
    return Figure(value=float(np.quantile(values, share))) if values else Figure(reason=reason)


def capacity(runs: Sequence[Run], null: float | None, reason: str) -> Figure:
    """Requests per second that the server could answer; absent where a gate says that they are something else.

    `null` is what a server without work answered.
    """
    spoilt = first_tripped(runs, "capacity", null)
    if spoilt:
        instead = LIMITED if spoilt.gate in {"generator", "plateau"} else "—"
        return Figure(reason=f"gate {spoilt.gate}: {spoilt.reason}", instead=instead)
    rates = [rate for run in runs if (rate := reached(run))]
    return Figure(value=float(np.mean(rates))) if rates else Figure(reason=reason)


def first_tripped(runs: Iterable[Run], spoils: gates.Spoils, null: float | None = None) -> gates.Tripped | None:
    """The first gate that spoils such a figure of any of `runs`."""
    found = (tripped for run in runs for tripped in gates.judge(run, null) if tripped.spoils == spoils)
    return next(found, None)


def latency(runs: Sequence[Run], percentile: str, reason: str) -> Figure:
    """The median over fresh servers of a latency percentile; one below the clock's resolution counts as that."""
    metric = f"latency.{percentile}"
    spoilt = first_tripped(runs, "latency")
    if spoilt:
        return Figure(reason=f"gate {spoilt.gate}: {spoilt.reason}")
    known = [value for run in runs for value in run.values(metric)]
    bounds = [value for run in runs for value in run.values(f"{metric}.below")]
    if not known and not bounds:
        return Figure(reason="too few requests lie beyond this percentile" if runs else reason)
    value = float(np.median(known + bounds))
    return Figure(value=value, below=bool(bounds) and value <= max(bounds))


def warm(runs: Sequence[Run], tolerance: float) -> Warmup | None:
    """What a process's passes over the documents typically do; None where none was timed."""
    steady = [len(run.values("time")) for run in runs]
    if not steady or not min(steady):
        return None
    return warmup([run.values("warmup") + run.values("time") for run in runs], min(steady), tolerance)


def settled(runs: Sequence[Run], shape: Warmup | None, reason: str) -> Figure:
    """Seconds of work until a fresh process is steady: its first document and the passes before the steady ones."""
    if shape is None:
        return Figure(reason=reason)
    if shape.before is None:
        return Figure(reason="no steady state was reached", instead="never")
    spent = [_before_steady(run, shape.before) for run in runs if run.values("documents")]
    if not spent:
        return Figure(reason="how many documents a pass holds was not kept")
    return Figure(value=float(np.mean(spent)))


def warmed_up(runs: Sequence[Run], tolerance: float, reason: str) -> Figure:
    """Seconds of a light load until a fresh server is steady in its CPU per request, second by second."""
    warmed = [run.series["warmup"] for run in runs if "warmup" in run.series]
    if not warmed:
        return Figure(reason="it is warmed by the lead-in alone" if runs else reason)
    spent = [without_lone([row[2] or 0.0 for row in rows]) for rows in warmed]
    shape = warmup(spent, max(1, min(map(len, spent)) // 3), tolerance)
    if shape.before is None:
        return Figure(reason=f"no steady state within {len(spent[0])} s", instead="never")
    return Figure(value=float(shape.before), reason=shape.shape)


def _before_steady(run: Run, passes: int) -> float:
    """Seconds that the first document and so many passes took; a value is of one document."""
    (documents,) = run.values("documents")
    return sum(run.values("first")) + documents * sum((run.values("warmup") + run.values("time"))[:passes])


def parts_of(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """Bytes by part and kind, of the last run; a part that holds nothing is absent."""
    found: dict[str, dict[str, float]] = {}
    for metric in (metric for run in runs for metric in run.measurements):
        part, _, kind = metric.metric.partition(".")
        if part in PARTS:
            found.setdefault(part, {})[kind] = metric.values[-1]
    return found


def total(parts: dict[str, dict[str, float]], kind: str, reason: str) -> Figure:
    """The bytes of all parts together."""
    return Figure(value=sum(part[kind] for part in parts.values())) if parts else Figure(reason=reason)

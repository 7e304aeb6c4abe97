"""Latency percentiles under open loads: at one rate for all stacks, and at shares of each stack's capacity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench.analysis.text import listed, number
from bench.model import Observed, Run, Stack, stack_of
from bench.report.estimates import TOO_FEW, Figure, first_tripped
from bench.report.wording import MICRO

PERCENTILES = ("p50", "p90", "p99", "p99.9")
COMMON = "common"  # the level of the rate that all stacks are driven at
HEADING = ("stack", "requests/s", "server busy", *(f"{name}, µs" for name in PERCENTILES))


class Percentile(msgspec.Struct, frozen=True, kw_only=True):
    """A latency percentile in seconds: its median over a stack's fresh servers (`figure`), and that of each server."""

    figure: Figure
    servers: tuple[float, ...] = ()


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """The percentiles of a stack under an open load at a level: `common`, or `own 30` for 30 % of its capacity.

    `rate` is in requests per second, `busy` the share of a core that the server used; medians over its servers.
    """

    stack: Stack
    title: str
    level: str
    rate: float
    busy: float | None
    percentiles: dict[str, Percentile]

    @property
    def is_common(self) -> bool:
        """Whether all stacks are driven at that rate."""
        return self.level == COMMON


def latencies(runs: Iterable[Run], title: dict[Stack, str]) -> tuple[Latencies, ...]:
    """The latencies sorted by level, then by the median of the 99th percentile."""
    grouped: dict[tuple[str, Stack], list[Run]] = defaultdict(list)
    for run in runs:
        for level in run.case.levels or (COMMON,):
            grouped[level, stack_of(run.case)].append(run)
    found = [_latencies(stack, title[stack], level, same) for (level, stack), same in grouped.items()]
    return tuple(sorted(found, key=lambda each: (each.level, _order(each))))


def over_sessions(sessions: Sequence[Iterable[Latencies]]) -> tuple[Latencies, ...]:
    """The latencies over the fresh servers of several sessions. The common rate is the median of the sessions'."""
    grouped: dict[tuple[str, Stack], list[Latencies]] = defaultdict(list)
    for each in (each for session in sessions for each in session):
        grouped[each.level, each.stack].append(each)
    common = [each.rate for same in grouped.values() for each in same if each.is_common]
    found = [_together(same, median(common) if same[0].is_common else None) for same in grouped.values()]
    return tuple(sorted(found, key=lambda each: (each.level, _order(each))))


def levels(found: Iterable[Latencies]) -> dict[str, list[Latencies]]:
    """The rows of each table by its heading, the common rate first."""
    tables: dict[str, list[Latencies]] = defaultdict(list)
    for each in found:
        tables[heading(each)].append(each)
    return tables


def heading(each: Latencies) -> str:
    """The heading of a table: the rate of its stacks."""
    if each.is_common:
        return f"At {number(each.rate)} requests per second each"
    return f"At {each.level.split()[1]} % of each stack's own capacity"


def sentence(found: Iterable[Latencies]) -> str:
    """The highest percentile up to p99 that all stacks have at the common rate, shortest first; empty without one."""
    common = [each for each in found if each.is_common]
    for name in ("p99", "p90", "p50"):
        known = [(level, each.title) for each in common if (level := each.percentiles[name].figure.value) is not None]
        if known and len(known) == len(common):
            told = listed([f"{number(level / MICRO)} µs ({title})" for level, title in sorted(known)])
            return f"Latency at {number(common[0].rate)} requests per second each, {name}: {told}."
    return ""


def cell(percentile: Percentile) -> tuple[str, str]:
    """A percentile in microseconds, and its range over the servers if there are several."""
    if percentile.figure.value is None:
        return percentile.figure.instead, ""
    span = [number(level / MICRO) for level in (min(percentile.servers), max(percentile.servers))]
    return number(percentile.figure.value / MICRO), "–".join(span) if len(percentile.servers) > 1 else ""


def _together(same: list[Latencies], common: float | None) -> Latencies:
    """The latencies of one stack at one level, session by session, as one."""
    busy = [each.busy for each in same if each.busy is not None]
    return msgspec.structs.replace(
        same[-1],
        rate=median([each.rate for each in same]) if common is None else common,
        busy=median(busy) if busy else None,
        percentiles={name: _pooled([each.percentiles[name] for each in same]) for name in PERCENTILES},
    )


def _pooled(sessions: list[Percentile]) -> Percentile:
    """The median over all servers; absent where it is in a session."""
    servers = tuple(value for each in sessions for value in each.servers)
    absent = next((each for each in reversed(sessions) if each.figure.value is None), None)
    return absent or Percentile(figure=Figure(value=median(servers)), servers=servers)


def _latencies(stack: Stack, title: str, level: str, runs: list[Run]) -> Latencies:
    seen = [run.part(level) if run.case.levels else run for run in runs]
    rates = [rate for each in seen if (rate := each.value("asked"))]
    used = [cpu * rate for each in seen if (cpu := each.value("cpu")) and (rate := each.value("rate"))]
    failed = next((f"a server failed: {run.told}" for run in runs if run.verdict == "failed"), None)
    return Latencies(
        stack=stack,
        title=title,
        level=level,
        rate=median(rates) if rates else runs[0].case.rate or 0.0,
        busy=median(used) if used else None,
        percentiles={name: _percentile(seen, name, failed) for name in PERCENTILES},
    )


def _percentile(servers: list[Observed], name: str, failed: str | None) -> Percentile:
    """The median over the servers; absent where a server lacks it or a gate rejects its latencies."""
    spoilt = first_tripped(servers, "latency")
    reason = failed or (f"{spoilt.gate}: {spoilt.reason}" if spoilt else None)
    values = tuple(value for seen in servers for value in seen.values(f"latency.{name}"))
    if reason or len(values) < len(servers):
        return Percentile(figure=Figure(reason=reason or TOO_FEW))
    return Percentile(figure=Figure(value=median(values)), servers=values)


def _order(each: Latencies) -> float:
    level = each.percentiles["p99"].figure.value
    return float("inf") if level is None else level

"""How long requests took under the open loads for latency: at one rate for all, and at shares of each capacity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import msgspec

from bench.analysis import gates
from bench.analysis.text import listed, number, share
from bench.model import Observed, Run, Stack, stack_of
from bench.report.estimates import Figure

PERCENTILES = ("p50", "p90", "p99", "p99.9")
MICRO = 1e-6
HEADING = ("stack", "requests/s", "server busy", *(f"{name}, µs" for name in PERCENTILES))
TOO_FEW = "fewer than 10 requests took longer"


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile of each of a stack's fresh servers, in seconds, and their median; absent with its reason."""

    figure: Figure
    servers: tuple[float, ...] = ()


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """A stack under an open load, by percentile, at a level: `common`, or `own 30`, percent of its capacity.

    `rate` is in requests per second, `busy` the share of a core that the server took; medians over its servers.
    """

    stack: Stack
    title: str
    level: str
    rate: float
    busy: float | None
    percentiles: dict[str, Waited]

    @property
    def is_common(self) -> bool:
        """Whether all contenders are driven at that rate."""
        return self.level == "common"


def latencies(runs: Iterable[Run], title: dict[Stack, str]) -> tuple[Latencies, ...]:
    """By level, and then by the median of the 99th percentile, the shortest first."""
    grouped: dict[tuple[str, Stack], list[Run]] = defaultdict(list)
    for run in runs:
        for level in run.case.levels:
            grouped[level, stack_of(run.case)].append(run)
    found = [_latencies(stack, title[stack], level, same) for (level, stack), same in grouped.items()]
    return tuple(sorted(found, key=lambda each: (each.level, _order(each))))


def levels(found: Iterable[Latencies]) -> dict[str, list[Latencies]]:
    """The tables, each under its heading; first that of the rate which is one for all."""
    tables: dict[str, list[Latencies]] = defaultdict(list)
    for each in found:
        tables[heading(each)].append(each)
    return tables


def heading(each: Latencies) -> str:
    """What all of a table are driven at."""
    if each.is_common:
        return f"At {number(each.rate)} requests a second each"
    return f"At {each.level.split()[1]} % of each one's own capacity"


def words(found: Iterable[Latencies]) -> str:
    """Where all are driven at one rate, the highest percentile up to the 99th that all have; nothing without one."""
    common = [each for each in found if each.is_common]
    for name, part in (("p99", "99 %"), ("p90", "90 %"), ("p50", "half")):
        known = [(each.title, each.percentiles[name].figure.value) for each in common]
        told = [f"{title} {number(level / MICRO)} µs" for title, level in known if level is not None]
        if told and len(told) == len(known):
            rate = number(common[0].rate)
            return f"Under an open load of {rate} requests a second each, {part} are answered within: {listed(told)}."
    return ""


def cell(waited: Waited) -> tuple[str, str]:
    """A percentile in microseconds, and from the least to the most of the servers where they are several."""
    if waited.figure.value is None:
        return waited.figure.instead, ""
    span = [number(level / MICRO) for level in (min(waited.servers), max(waited.servers))]
    return number(waited.figure.value / MICRO), "–".join(span) if len(waited.servers) > 1 else ""


def row(each: Latencies) -> list[str]:
    """A row under `HEADING`."""
    cells = [cell(waited) for waited in each.percentiles.values()]
    return [
        each.title,
        number(each.rate),
        busy(each),
        *(f"{text} ({span})" if span else text for text, span in cells),
    ]


def busy(each: Latencies) -> str:
    """The share of a core that the server took."""
    return "—" if each.busy is None else share(each.busy)


def _latencies(stack: Stack, title: str, level: str, runs: list[Run]) -> Latencies:
    seen = [run.part(level) for run in runs]
    rates = [rate for each in seen if (rate := each.value("asked"))]
    used = [cpu * rate for each in seen if (cpu := each.value("cpu")) and (rate := each.value("rate"))]
    failed = next((f"a server failed: {run.told}" for run in runs if run.verdict == "failed"), None)
    return Latencies(
        stack=stack,
        title=title,
        level=level,
        rate=median(rates) if rates else runs[0].case.rate or 0.0,
        busy=median(used) if used else None,
        percentiles={name: _waited(seen, name, failed) for name in PERCENTILES},
    )


def _waited(servers: list[Observed], name: str, failed: str | None) -> Waited:
    """The median over the servers; absent unless each of them has it, and no gate spoilt the latencies of one."""
    spoilt = [each for seen in servers for each in gates.judge(seen) if each.spoils == "latency"]
    reason = failed or next((f"{each.gate}: {each.reason}" for each in spoilt), None)
    values = tuple(value for seen in servers for value in seen.values(f"latency.{name}"))
    if reason or len(values) < len(servers):
        return Waited(figure=Figure(reason=reason or TOO_FEW))
    return Waited(figure=Figure(value=median(values)), servers=values)


def _order(each: Latencies) -> float:
    level = each.percentiles["p99"].figure.value
    return float("inf") if level is None else level

"""How long requests took under the open loads for latency: at one rate for all, and at shares of each capacity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import msgspec

from bench import gates
from bench.latency_loads import OWN
from bench.model import Observed, Run, Stack, stack_of
from bench.report.evidence import Figure
from bench.report.wording import listed, number

PERCENTILES = ("p50", "p90", "p99", "p99.9")
MICRO = 1e-6
HEADING = ("stack", "requests/s", *(f"{name}, µs" for name in PERCENTILES))


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile of each of a stack's fresh servers, in seconds, and their median; absent with its reason."""

    figure: Figure
    servers: tuple[float, ...] = ()


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """A stack under an open load of `rate` requests a second, by percentile.

    The rate is `percent` of its `own` capacity, or else of the least capacity of all.
    """

    stack: Stack
    title: str
    own: bool
    percent: int
    rate: float
    percentiles: dict[str, Waited]

    @property
    def level(self) -> tuple[bool, int]:
        """What those of a table have in common: first the rate that is one for all."""
        return self.own, self.percent


def latencies(runs: Iterable[Run], title: dict[Stack, str]) -> tuple[Latencies, ...]:
    """Of runs that passed, by level and then by the median of the 99th percentile, the shortest first."""
    grouped: dict[tuple[Stack, str], list[tuple[float, Observed]]] = defaultdict(list)
    for run in runs:
        for name, rate in run.case.rates.items():
            grouped[stack_of(run.case), name].append((rate, run.part(name)))
    found = [_latencies(stack, title[stack], name, same) for (stack, name), same in grouped.items()]
    return tuple(sorted(found, key=lambda each: (each.level, _order(each))))


def levels(found: Iterable[Latencies]) -> dict[str, list[Latencies]]:
    """The tables, each under its heading."""
    tables: dict[str, list[Latencies]] = defaultdict(list)
    for each in found:
        tables[heading(each)].append(each)
    return tables


def heading(each: Latencies) -> str:
    """What all of a table are driven at."""
    if each.own:
        return f"At {each.percent} % of each one's own capacity"
    return f"At {number(each.rate)} requests a second each"


def words(found: Iterable[Latencies]) -> str:
    """The 99th percentile of each where all are driven at one rate, in a sentence; nothing without a figure."""
    told = [
        f"{each.title} {number(level / MICRO)} µs"
        for each in found
        if not each.own and (level := each.percentiles["p99"].figure.value) is not None
    ]
    rate = next((each.rate for each in found if not each.own), None)
    if not told or rate is None:
        return ""
    return f"Under an open load of {number(rate)} requests a second each, 99 % are answered within: {listed(told)}."


def cell(waited: Waited) -> tuple[str, str]:
    """A percentile in microseconds, and from the least to the most of the servers where they are several."""
    if waited.figure.value is None:
        return waited.figure.instead, ""
    span = [number(level / MICRO) for level in (min(waited.servers), max(waited.servers))]
    return number(waited.figure.value / MICRO), "–".join(span) if len(waited.servers) > 1 else ""


def row(each: Latencies) -> list[str]:
    """A row under `HEADING`."""
    cells = [cell(waited) for waited in each.percentiles.values()]
    return [each.title, number(each.rate), *(f"{text} ({span})" if span else text for text, span in cells)]


def _latencies(stack: Stack, title: str, name: str, same: list[tuple[float, Observed]]) -> Latencies:
    of, percent = name.split()
    seen = [observed for _, observed in same]
    return Latencies(
        stack=stack,
        title=title,
        own=of == OWN,
        percent=int(percent),
        rate=same[0][0],
        percentiles={each: _waited(seen, each) for each in PERCENTILES},
    )


def _waited(runs: list[Observed], name: str) -> Waited:
    """The median over the servers; absent unless each of them has it, and no gate spoilt the latencies of one."""
    for run in runs:
        spoilt = next((each for each in gates.judge(run) if each.spoils == "latency"), None)
        if spoilt:
            return Waited(figure=Figure(reason=f"{spoilt.gate}: {spoilt.reason}"))
    servers = tuple(value for run in runs for value in run.values(f"latency.{name}"))
    if len(servers) < len(runs):
        return Waited(figure=Figure(reason="fewer than 10 requests took longer"))
    return Waited(figure=Figure(value=median(servers)), servers=servers)


def _order(each: Latencies) -> float:
    level = each.percentiles["p99"].figure.value
    return float("inf") if level is None else level

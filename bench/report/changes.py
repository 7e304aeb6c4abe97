"""What a change of one thing brings, alone and behind a server, and what it costs: the first table of README."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from bench.analysis.text import listed, number, seconds
from bench.catalog import pairing
from bench.model import Server
from bench.report import naming, price, versions
from bench.report.latencies import Latencies
from bench.report.ranked import USUAL
from bench.report.rows import Core, Finding
from bench.report.speedups import KINDS, kind
from bench.report.wording import MILLI, estimate, scaled

SLOW_SECONDS = 1.0  # a core that is steady later has a warm-up that users notice
USUAL_SERVERS = (
    "uwsgi-processes",
    "uvicorn-httptools",
    "granian-wsgi",
    "bjoern",
    "gunicorn-sync",
    "gunicorn-gthread",
)  # labels
SERVERS = {"gunicorn-sync": "behind Gunicorn sync", "uwsgi-processes": "behind uWSGI"}  # by label


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of one thing brings: its speed-up `alone`, and `served` by the label of the server around it.

    For a change of server, that is the server that it replaces. `price` is what the change costs.
    """

    name: str
    alone: str = ""
    served: dict[str, str]
    price: str = ""


def effects(finding: Finding) -> Iterator[Effect]:
    """What a study measured of a change of version, or of the core and the server."""
    if len(finding.study.interpreters) > 1:
        newer = versions.best(finding)
        yield from [_core(finding, newer)] if newer else []
    else:
        changed = (core for core in finding.cores if core.time.value and not core.baseline)  # the fastest first
        yield from (_core(finding, core) for core in changed)
        yield from _server_for_plain(finding)


def _core(finding: Finding, core: Core) -> Effect:
    served = {row.stack.label: estimate(row.speedup) for row in finding.rows if row.core is core and row.cpu.value}
    held, settled = naming.held(finding, core.variant), core.settled.value or 0.0
    by_cache = (
        held and finding.catalog.interpreter_of(core.variant).implementation == "pypy"
    )  # its nursery is half of it
    told = [
        *price.words(core),
        naming.of_core(finding, core.variant),
        held + (", by the size of this processor's cache" if by_cache else ""),
        f"full speed after {seconds(settled)} of work" if settled > SLOW_SECONDS else "",
    ]
    paid = ", ".join(filter(None, told))
    change = KINDS[kind(finding.catalog, core, finding.baseline) or "interpreter"]
    home = finding.catalog.interpreter_of(core.variant).title
    new = home if core.plain else naming.core(finding, core)
    paid = paid if paid or change != KINDS["interpreter"] else "0 lines, if your packages run on it"
    new = f"the standard library's json to {new}" if change == KINDS["codec"] else new
    return Effect(name=f"{change}: {new}", alone=estimate(core.speedup), served=served, price=paid)


def behind_proxies(finding: Finding) -> str:
    """The CPU of the cheapest server and of the others of `SERVERS` beside the dearest of these, all behind a proxy.

    Ratios are of means, without an interval.
    """
    spent = {}
    for row in finding.rows:  # the cheapest first
        server = pairing.server_for(finding.catalog, row.stack)
        if isinstance(server, Server) and server.proxy and row.cpu.value:
            spent[row.stack] = row.cpu.value
    labels = {stack.label.partition("+")[0]: stack for stack in spent}
    usual = [label for label in labels if label in SERVERS]
    if not usual:
        return ""
    beside = {label: spent[labels[label]] / spent[labels[usual[-1]]] for label in (next(iter(labels)), *usual[:-1])}
    told = [f"{number(ratio)}× on {_named(finding, label)}" for label, ratio in beside.items()]
    dearest = labels[usual[-1]]
    core = naming.core(finding, next(row.core for row in finding.rows if row.stack == dearest))
    lead = f"Behind nginx, whose CPU counts, too, {core} {naming.beside(dearest)} takes {listed(told)}"
    return f"{lead}, relative to its CPU on {_named(finding, usual[-1])}"


def where_requests_wait(finding: Finding) -> str:
    """How many requests that wait the server that most readers have answers, and how many the best one."""
    best = finding.ranking[0]
    usual = next((each for each in finding.ranking if each.stack.label == USUAL), best)
    rates = [number(each.figures.rate.value or 0.0) for each in (usual, best)]
    lead = f"Where requests wait ({finding.catalog.workloads[finding.workload].title.lower()}), choose the server first"
    told = f"{naming.stack(finding, usual.stack)} answers {rates[0]} a second"
    return f"{lead}: {told}, {naming.stack(finding, best.stack)} {rates[1]}"


def slowest_answers(finding: Finding) -> str:
    """The median and the 99th percentile of usual servers at one rate, the lowest p99 first; empty without any."""
    known = [each for each in finding.latencies if each.is_common and each.stack.label in USUAL_SERVERS]
    told = [f"{_both_percentiles(each)} on {naming.server(finding, each.stack)}" for each in known]
    rate = next((number(each.rate) for each in known), "")
    lead = f"p50 and p99 in ms, with {finding.baseline.title} at {rate} requests per second each"
    alike = [naming.server(finding, each.stack) for each in known[1:] if _overlap(known[0], each)]
    note = f"; over fresh servers the p99 of {listed(alike)} overlaps with the first" if alike else ""
    return f"{lead}: {listed(told)}{note}" if told else ""


def _overlap(lower: Latencies, higher: Latencies) -> bool:
    """Whether the p99 of some fresh server of the second is no higher than that of one of the first."""
    return min(higher.percentiles["p99"].servers) <= max(lower.percentiles["p99"].servers)


def _both_percentiles(each: Latencies) -> str:
    return " and ".join(scaled(each.percentiles[name].figure, MILLI) for name in ("p50", "p99"))


def both(finding: Finding) -> str:
    """How many times as fast the cheapest stack on one of `SERVERS` is as the baseline on the dearest; of means."""
    known = [row for row in finding.rows if row.cpu.value and row.stack.label in SERVERS]
    plain = [row for row in known if row.core.baseline]
    if not plain or known[0].core.baseline:
        return ""
    best, worst = known[0], plain[-1]
    gain = number((worst.cpu.value or math.nan) / (best.cpu.value or math.nan))
    return (
        f"Both changed: {naming.stack(finding, best.stack)} is {gain}× as fast as {naming.stack(finding, worst.stack)}"
    )


def _server_for_plain(finding: Finding) -> Iterator[Effect]:
    """The cheapest of `SERVERS` under the baseline's core, in place of each other: ratios of means."""
    spent = {row.stack.label: row.cpu.value for row in finding.rows if row.core.baseline and row.cpu.value}
    known = {label: spent[label] for label in SERVERS if label in spent}
    best = min(known, key=lambda label: known[label], default=None)
    if best and len(known) > 1:
        dearer = {label: cost for label, cost in known.items() if label != best}
        old = ", ".join(_named(finding, label) for label in dearer)
        yield _server(finding, f"{old} to {_named(finding, best)}", known[best], dearer)


def _named(finding: Finding, server: str) -> str:
    return naming.words(finding, server).short or finding.catalog.servers[server].title


def _server(finding: Finding, name: str, own: float, others: dict[str, float]) -> Effect:
    core = naming.core(finding, finding.baseline)
    served = {label: f"{number(cost / own)}×" for label, cost in others.items()}
    return Effect(name=f"Change the server: {name} (core: {core})", served=served, price="0 lines, another command")

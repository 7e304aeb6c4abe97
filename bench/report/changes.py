"""What a change of one thing brings, alone and behind a server, and what it costs: the first table of README."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.analysis.text import number
from bench.report import naming, price, versions
from bench.report.ranking import Ranked
from bench.report.rows import Core, Finding, Row
from bench.report.speedups import KINDS, kind
from bench.report.wording import estimate

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
    """What a study measured of a change of server, of version, or of the core."""
    if finding.study.micro is None:
        yield from _servers(finding)
    elif len(finding.study.interpreters) > 1:
        newer = versions.best(finding)
        yield from [_core(finding, newer)] if newer else []
        yield from _server_for_plain(finding)
    else:
        yield from (_core(finding, core) for core in _shown(finding))


def _shown(finding: Finding) -> Iterator[Core]:
    """Every rewrite, and the fastest core of each other kind of change."""
    known: set[str | None] = {None}
    for core in finding.cores:  # the fastest first
        found = kind(finding.catalog, core, finding.baseline)
        if core.time.value and (core.rewritten or found not in known):
            yield core
        known.add(found)


def _core(finding: Finding, core: Core) -> Effect:
    served = {row.stack.label: estimate(row.speedup) for row in finding.rows if row.core is core and row.cpu.value}
    told = [*price.words(core), naming.of_core(finding, core.variant), naming.held(finding, core.variant)]
    paid = ", ".join(filter(None, told))
    change = KINDS[kind(finding.catalog, core, finding.baseline) or "interpreter"]
    home = finding.catalog.interpreter_of(core.variant).title
    name = f"{change}: {home if core.plain else naming.core(finding, core)}"
    return Effect(name=name, alone=estimate(core.speedup), served=served, price=paid)


def _servers(finding: Finding) -> Iterator[Effect]:
    """The best stack of all, in place of the best of each of `SERVERS`."""
    usual = {label: _first(finding, label) for label in SERVERS}
    best = next(iter(finding.ranking), None)
    if best is None or best in usual.values():
        return
    served = {label: estimate(each.behind) for label, each in usual.items() if each and each.behind.ratio}
    name = f"Change the server: {naming.server(finding, best.stack)} (core: {naming.core(finding, finding.baseline)})"
    yield Effect(name=name, served=served, price=naming.caveat(finding, best.stack))


def _server_for_plain(finding: Finding) -> Iterator[Effect]:
    """The cheapest server of the baseline's core, in place of each of `SERVERS`: means without an interval."""
    spent = {row.stack: row.cpu.value for row in finding.rows if row.core.baseline and row.cpu.value}
    best = min(spent, key=lambda stack: spent[stack], default=None)
    usual = {stack.label: value for stack, value in spent.items() if stack.label in SERVERS}
    if best and usual and best.label not in usual:
        served = {label: f"{number(value / spent[best])}×" for label, value in usual.items()}
        name = f"Change the server: {naming.server(finding, best)} (core: {finding.baseline.title})"
        yield Effect(name=name, served=served, price=naming.caveat(finding, best))


def _first(finding: Finding, label: str) -> Ranked | None:
    return next((each for each in finding.ranking if each.stack.label == label), None)


def peers(finding: Finding) -> list[Row]:
    """The cheapest peer, and the cheapest of those that are as most would write them."""
    first: dict[str, Row] = {}
    for row in finding.rows:  # the cheapest first
        if row.stack.is_peer and row.cpu.value:
            first.setdefault(finding.catalog.peers[row.stack.variant].kind, row)
    cheapest, ordinary = next(iter(first.values()), None), first.get("ordinary")
    return [row for row in (cheapest, ordinary if ordinary is not cheapest else None) if row]

"""Which ways replace the server of a stack, and what a study of replacements may name."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Catalog, Replacement, Stack, Study, pick, server_name


def ways(study: Study, catalog: Catalog, stack: Stack) -> Iterator[Replacement]:
    """The ways of a study in which a stack is replaced."""
    plan, own = study.replaced, stack.server or stack.variant
    for name in plan.ways if plan else ():
        way = catalog.replacements[name]
        is_asked = plan is None or own in plan.servers_of.get(name, (own,))
        if is_asked and way.is_for(pairing.server_for(catalog, stack).server):
            yield way


def keeps_connections(catalog: Catalog, stack: Stack, way: Replacement) -> bool:
    """Whether clients can keep their connections to a stack that is replaced in that way."""
    return pairing.server_for(catalog, stack).keep_alive if way.keep_alive is None else way.keep_alive


def check(study: Study, where: str, catalog: Catalog) -> None:
    """Raises LabError unless each way is known and replaces what it is measured with, and servers have no tuning."""
    plan = study.replaced
    if plan is None:
        return
    for name in study.servers:
        if server_name(name).label != name:
            raise LabError(f"{where}: servers: name {name} without its tuning and place")
    labels = catalog.labels()
    programs = {name: labels[name].server for name in study.servers}
    programs |= {name: catalog.peers[name].server for name in study.peers}
    for name in plan.ways:
        way = pick(catalog.replacements, name, "replacement", f"{where}: replaced.ways")
        wrong = [each for each in plan.servers_of.get(name, ()) if not way.is_for(programs.get(each, ""))]
        if wrong:
            raise LabError(f"{where}: replaced.servers_of: {name} replaces no {wrong[0]} of this study: remove it")
        if not any(map(way.is_for, programs.values())):
            raise LabError(f"{where}: replaced.ways: {name} replaces none of the servers: add one, or remove it")
    for name in plan.servers_of:
        pick(dict.fromkeys(plan.ways), name, "way of this study", f"{where}: replaced.servers_of")

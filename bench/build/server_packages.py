"""The packages with which a prefix serves: frameworks, layers and servers, or why one of these is unavailable."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bench.errors import MissingError, UnpinnedError
from bench.model import Artifact, Catalog, Implementation, Server, Unavailable
from bench.provision import system
from bench.provision.interpreters import MEASURED_LOCK, install


def add(
    catalog: Catalog, inside: Path, implementation: Implementation, wanted: Collection[str], lock: Path = MEASURED_LOCK
) -> dict[str, Unavailable]:
    """Install all frameworks, layers and the `wanted` servers. Returns the unavailable servers by label."""
    service = {name for each in catalog.frameworks.values() for name in each.requirements}
    service |= {name for each in catalog.layers.values() for name in each.packages(implementation)}
    install(inside, sorted(service), lock=lock)
    lacks = {}
    for server in (server for server in servers_on(catalog, implementation) if server.label in wanted):
        try:
            system.require(server.needs)
            install(inside, server.build_requirements, lock=lock)
            install(inside, server.requirements, lock=lock)
        except MissingError as missing:
            remedy = missing.remedy or "python -m bench build --force"
            lacks[server.label] = Unavailable(
                what=server.label, reason=str(missing), remedy=remedy, server=server.label
            )
        except UnpinnedError as unpinned:
            reason = f"bench/servers/{server.name}.toml: {unpinned}"
            lacks[server.label] = Unavailable(what=server.label, reason=reason, remedy="make lock", server=server.label)
    return lacks


def missing_parts(catalog: Catalog, implementation: Implementation) -> tuple[str, ...]:
    """Return the names of the missing system parts that any server requires."""
    needed = {name for server in servers_on(catalog, implementation) for name in server.needs}
    return tuple(part.name for part in system.parts() if part.name in needed and part.missing)


def missing_part_appeared(catalog: Catalog, built: Artifact) -> bool:
    """Return True if a system part that was missing when `built` was made is installed now."""
    return not set(built.waits_for) <= set(missing_parts(catalog, built.interpreter.implementation))


def servers_on(catalog: Catalog, implementation: Implementation) -> list[Server]:
    """Return the servers that run on `implementation`."""
    return [
        server
        for server in catalog.servers.values()
        if implementation in server.implementations and implementation not in server.unsupported
    ]

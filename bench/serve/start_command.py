"""The command that starts a stack: the argv of its server and of its proxy, and the environment of the server."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bench.build import artifacts, beside, peers
from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Catalog, Stack, Tuning
from bench.paths import PREFIXES, YARDSTICKS
from bench.provision import system
from bench.serve import application, proxy

BACKLOG = 1024
SERVICE = "app.entry"  # the module of the lab's own service


class Command(NamedTuple):
    """What starts a stack: the argv and the complete environment of the server, and the argv of its proxy, if any."""

    argv: list[str]
    env: dict[str, str]
    front: list[str] | None = None


def command(
    catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str = "", workers: int = 1
) -> tuple[list[str], dict[str, str]]:
    """Return the argv and the complete environment that start `stack` at `host`:`port`; see `parts`."""
    argv, env, front = parts(catalog, stack, port, host, scratch, dsn=dsn, workers=workers)
    return proxy.behind(front, argv) if front else argv, env


def parts(
    catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str = "", workers: int = 1
) -> Command:
    """Return the commands that start `stack` at `host`:`port`.

    `scratch` is a folder for files of this run, `dsn` the address of the backend that a tuning needs. `workers` is the
    number of processes of the lab's own service; an application declares its own. Raises LabError if the variant or
    peer is not built, or if the pair is unsupported.
    """
    if stack.is_peer:
        return Command(*peers.command(catalog.peers[stack.variant], host=host, port=port, backlog=BACKLOG))
    variant = catalog.variant(stack.variant)
    server, tuning = pairing.server_file(catalog, stack), pairing.tuning_of(catalog, stack)
    entry = tuning.entry if tuning else None
    unsupported = pairing.unsupported(catalog, stack)
    if unsupported:
        raise LabError(f"{stack} is unsupported: {unsupported.reason}")
    artifacts.require(stack.variant)
    placeholders = {
        "python": str(artifacts.python(stack.variant)),
        "prefix": str(PREFIXES / stack.variant),
        "base": str(artifacts.base(stack.variant)),
        "host": host,
        "port": str(port),
        "backlog": str(BACKLOG),
        "scratch": str(scratch),
        "entry": application.ENTRY if variant.application else entry or SERVICE,
        "workers": str(variant.application.workers if variant.application else workers),
    }
    argv = [part.format_map(placeholders) for part in server.argv]
    front = None
    if server.proxy:
        system.require(server.proxy.needs)
        front = proxy.configured(server.proxy, scratch, placeholders)
    env = {key: value.format_map(placeholders | {"dsn": dsn}) for key, value in server.env.items()}
    if variant.application:
        return Command(argv, env, front)
    env |= _beside(tuning, stack.variant) if tuning else {}
    env |= {"STATEMENTS_FRAMEWORK": catalog.frameworks[stack.framework].module, "STATEMENTS_WAIT": server.wait}
    return Command(argv, artifacts.environment(catalog, variant) | env, front)


def _beside(tuning: Tuning, variant: str) -> dict[str, str]:
    """Where the interpreter finds a tuning's yardstick and packages."""
    folders = [YARDSTICKS] if tuning.entry else []
    folders += [beside.folder(variant, tuning.requirements)] if tuning.requirements else []
    return {"PYTHONPATH": ":".join(map(str, folders))} if folders else {}

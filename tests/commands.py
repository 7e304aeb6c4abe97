"""Changes to the command that starts a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.model import Catalog, Stack
from bench.serve import life_cycle

Command = tuple[list[str], dict[str, str]]


def alter(patch: pytest.MonkeyPatch, change: Callable[[list[str], dict[str, str]], Command]) -> None:
    """Apply `change` to the argv and environment of every server that the lab starts."""
    command = life_cycle.command

    def altered(
        catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str, workers: int
    ) -> Command:
        return change(*command(catalog, stack, port, host, scratch, dsn=dsn, workers=workers))

    patch.setattr(life_cycle, "command", altered)

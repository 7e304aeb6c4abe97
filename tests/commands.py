"""The command that starts a server, altered as a test needs it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.model import Catalog, Stack
from bench.serve import life_cycle

Command = tuple[list[str], dict[str, str]]


def alter(patch: pytest.MonkeyPatch, change: Callable[[list[str], dict[str, str]], Command]) -> None:
    """Have servers started by what `change` makes of the argv and the environment that the lab starts them by."""
    command = life_cycle.command

    def altered(catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path) -> Command:
        return change(*command(catalog, stack, port, host, scratch))

    patch.setattr(life_cycle, "command", altered)

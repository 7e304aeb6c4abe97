"""Changes to the command that starts a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.model import Catalog, Stack
from bench.serve import life_cycle

Command = tuple[list[str], dict[str, str]]


def alter(patch: pytest.MonkeyPatch, change: Callable[[list[str], dict[str, str]], Command]) -> None:
    """Apply `change` to the argv and environment of every server that the lab starts."""
    parts = life_cycle.parts

    def altered(
        catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str = "", workers: int = 1
    ) -> life_cycle.Command:
        made = parts(catalog, stack, port, host, scratch, dsn=dsn, workers=workers)
        return life_cycle.Command(*change(made.argv, made.env), made.front)

    patch.setattr(life_cycle, "parts", altered)

"""Changes to the command that starts a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.model import Catalog, Stack
from bench.serve import start_command

Command = tuple[list[str], dict[str, str]]


def alter(patch: pytest.MonkeyPatch, change: Callable[[list[str], dict[str, str]], Command]) -> None:
    """Apply `change` to the argv and environment of every server that the lab starts."""
    parts = start_command.parts

    def altered(
        catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str = "", workers: int = 1
    ) -> start_command.Command:
        made = parts(catalog, stack, port, host, scratch, dsn=dsn, workers=workers)
        return start_command.Command(*change(made.argv, made.env), made.front)

    patch.setattr(start_command, "parts", altered)

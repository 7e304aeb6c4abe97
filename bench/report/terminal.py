"""What was found, on a terminal line by line, or as JSON for a machine."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich.console import Console


def say(console: Console, found: object, lines: Iterable[str], json: bool) -> None:
    """Print `found` as JSON if that is asked for, else the lines that tell it."""
    if json:
        console.print_json(msgspec.json.encode(found).decode())
        return
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

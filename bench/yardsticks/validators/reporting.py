"""What a validator reports of itself: the versions of its packages, and its lines of code and schema."""

import ast
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any


def reporting(*packages: str, module: str, schema: dict[str, Any] | None = None) -> Callable[[], dict[str, Any]]:
    """Return the `provenance` of a validator that uses `packages` and is written in the file `module`.

    With a JSON Schema its lines count, too, with one member a line.
    """
    written = json.dumps(schema, indent=1).count("\n") + 1 if schema else 0
    facts = {name: version(name) for name in packages} | {"lines": lines(Path(module)) + written}
    return lambda: facts


def lines(path: Path) -> int:
    """Count the lines of a module without blank lines, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    prose = _prose(text)
    return sum(1 for number, line in enumerate(text.splitlines(), 1) if line.strip() and number not in prose)


def _prose(text: str) -> set[int]:
    """Return the numbers of the lines that hold only comments or texts that are no part of an expression."""
    found = {number for number, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return found

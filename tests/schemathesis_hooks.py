"""Hooks of schemathesis: they change what it sends where the OpenAPI document does not say enough."""

import re
from typing import Any

import schemathesis

LONGEST_MS = 10_000  # that /wait takes
SHORT_MS = 10


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Shorten valid waits, and write integers without a fraction: to JSON Schema, 1.0 is an integer, too."""
    ms = str((case.query or {}).get("ms"))
    if case.path == "/wait" and re.fullmatch("[0-9]{1,5}", ms) and SHORT_MS < int(ms) <= LONGEST_MS:
        case.query["ms"] = int(ms) % SHORT_MS
    case.body = whole(case.body)


def whole(value: Any) -> Any:
    """The value with integers in place of equal floats."""
    if isinstance(value, dict):
        return {name: whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

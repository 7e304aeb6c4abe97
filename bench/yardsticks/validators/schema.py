"""The JSON Schema of a document, which spec/openapi.json has, for the libraries that read one; and its patterns."""

import json
from pathlib import Path
from typing import Any

_DOCUMENT = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
_SCHEMAS: dict[str, Any] = _DOCUMENT["components"]["schemas"]
_PREFIX = "#/components/schemas/"


def _named(part: Any) -> set[str]:
    """The names of the schemas to which a part refers, those to which they refer among them."""
    if isinstance(part, list):
        return set().union(*map(_named, part))
    if not isinstance(part, dict):
        return set()
    own = str(part.get("$ref", "")).removeprefix(_PREFIX)
    return set().union(*map(_named, part.values()), {own} | _named(_SCHEMAS[own]) if own else ())


def _whole(pattern: str) -> str:
    r"""The pattern for Python's `re`, where `$` also matches before a last line feed, and `\Z` does not."""
    return rf"\A{pattern.removeprefix('^').removesuffix('$')}\Z"


_parts = {name: _SCHEMAS[name] for name in sorted(_named(_SCHEMAS["Batch"]))}
SCHEMA: dict[str, Any] = {**_SCHEMAS["Batch"], "components": {"schemas": _parts}}
MOMENT_PATTERN: str = _SCHEMAS["Moment"]["pattern"]  # as JSON Schema and Rust read it
NAME_PATTERN: str = _SCHEMAS["Customer"]["properties"]["name"]["pattern"]
MOMENT = _whole(MOMENT_PATTERN)
NAME = _whole(NAME_PATTERN)

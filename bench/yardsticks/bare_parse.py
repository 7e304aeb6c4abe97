"""The yardstick: simdjson's parse of a document with one reused parser, and no further work.

The caller must delete each result before the next call, because a parser can hold only one.
"""

from typing import Any

import simdjson

_parser = simdjson.Parser()
transform = _parser.parse


def provenance() -> dict[str, Any]:
    """Return the code path that simdjson chose for this CPU."""
    return {"path": _parser.implementation[0]}

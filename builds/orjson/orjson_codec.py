"""orjson as the reference core's codec."""

from typing import Any

import orjson

from app.core import strict_loads

dumps = orjson.dumps


def loads(document: bytes) -> Any:
    """Parse a document. Where orjson fails, as at a dropped value of 1e999, the standard library parses it."""
    try:
        return orjson.loads(document)
    except ValueError:
        return strict_loads(document)

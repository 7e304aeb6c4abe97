"""orjson as the reference core's codec."""

from typing import Any

import orjson

from app.core import strict_loads

dumps = orjson.dumps


def loads(document: bytes) -> Any:
    """Parse a document; what orjson cannot hold, such as a dropped 1e999, is left to the standard library."""
    try:
        return orjson.loads(document)
    except ValueError:
        return strict_loads(document)

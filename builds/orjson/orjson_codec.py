"""orjson as the reference core's codec."""

from typing import Any

import orjson

from app.core import strict_loads

dumps = orjson.dumps


def loads(document: bytes) -> Any:
    """Parse a document with orjson, or with the standard library if orjson fails.

    It fails at values such as 1e999, which are valid in a member that is repeated later.
    """
    try:
        return orjson.loads(document)
    except ValueError:
        return strict_loads(document)

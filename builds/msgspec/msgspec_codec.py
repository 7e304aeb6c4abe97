"""msgspec as the reference core's codec."""

from typing import Any

import msgspec

from app.core import strict_loads

dumps = msgspec.json.encode


def loads(document: bytes) -> Any:
    """Parse a document; what msgspec cannot hold, such as a dropped 1e999, is left to the standard library."""
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError:
        return strict_loads(document)

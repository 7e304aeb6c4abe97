"""msgspec as the reference core's codec."""

from typing import Any

import msgspec

from app.core import strict_loads

dumps = msgspec.json.encode


def loads(document: bytes) -> Any:
    """Parse a document. Where msgspec fails, as at a dropped value of 1e999, the standard library parses it."""
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError:
        return strict_loads(document)

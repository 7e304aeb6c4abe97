"""msgspec as the reference core's codec."""

from typing import Any

import msgspec

from app.core import strict_loads

dumps = msgspec.json.encode


def loads(document: bytes) -> Any:
    """Parse a document with msgspec, or with the standard library if msgspec fails.

    It fails at values such as 1e999, which are valid in a member that is repeated later.
    """
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError:
        return strict_loads(document)

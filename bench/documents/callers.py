"""Callers who see only some customers of a document, and the right answers to them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection

from msgspec.structs import replace

from app.core import transform
from bench.model import Exchange


def seen(document: bytes, share: float) -> tuple[int, ...]:
    """Return the ids of that share of a document's customers, rounded up: the first ones in the order of orders."""
    known = list(dict.fromkeys(order["customer"]["id"] for order in json.loads(document)["orders"]))
    return tuple(known[: math.ceil(share * len(known))])


def shown(exchange: Exchange, customers: Collection[int]) -> Exchange:
    """Return the exchange as a caller has it who sees these customers: the answer to the document of their orders."""
    document = json.loads(exchange.body or b"")
    document["orders"] = [order for order in document["orders"] if order["customer"]["id"] in customers]
    return replace(exchange, expect=transform(json.dumps(document).encode()))

"""Callers who see only some customers of a document, and the right answers to them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from bench.model import Exchange

SUMS = ("units", "gross", "refunded", "open", "net")  # members of a customer that the totals add up


def seen(exchange: Exchange, share: float) -> tuple[int, ...]:
    """Return the ids of that share of the customers in an answer, rounded up: the first ones. None without a body."""
    if exchange.body is None:
        return ()
    known = [customer["id"] for customer in json.loads(exchange.expect)["customers"]]
    return tuple(known[: math.ceil(share * len(known))])


def shown(exchange: Exchange, customers: Collection[int]) -> Exchange:
    """Return the exchange with the answer to a caller who sees these customers only: sums are theirs.

    Members that do not tell whose orders they count are left out.
    """
    answer: dict[str, Any] = json.loads(exchange.expect)
    theirs = [customer for customer in answer["customers"] if customer["id"] in customers]
    kept = {
        "batch": answer["batch"],
        "currency": answer["currency"],
        "orders": sum(customer["orders"] for customer in theirs),
        "customers": theirs,
        "totals": {"customers": len(theirs)} | {name: sum(customer[name] for customer in theirs) for name in SUMS},
    }
    return replace(exchange, expect=json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode())

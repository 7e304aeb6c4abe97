"""The right answers in HAL to documents: the statement embeds its customers."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from bench.model import Exchange

MEDIA_TYPE = "application/hal+json"
LINKS = {
    "self": {"href": "/statements"},
    "curies": [{"name": "lab", "href": "/rels/{rel}", "templated": True}],
    "index": {"href": "/"},
}


def embedded(exchange: Exchange) -> Exchange:
    """Return the exchange with its answer in HAL; one without a body stays."""
    if exchange.body is None:
        return exchange
    answer: dict[str, Any] = {"_links": LINKS}
    for name, value in json.loads(exchange.expect).items():
        answer |= {"_embedded": {"lab:customer": value}} if name == "customers" else {name: value}
    return replace(exchange, expect=json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())

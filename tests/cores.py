"""Shared by the tests of optimised cores: small documents, and comparisons with the reference core."""

import json
from collections.abc import Callable
from types import ModuleType

from app.core import InvalidDocument, MalformedDocument
from app.core import transform as reference
from bench.paths import ROOT, SPEC

GOLDEN = sorted(path for path in SPEC.glob("golden/*/*.json") if not path.name.endswith(".out.json"))
FOUND = sorted((ROOT / "tests" / "data" / "fuzz").iterdir())  # documents that a core once answered wrong

Outcome = bytes | str


def outcome(transform: Callable[[bytes], bytes], document: bytes) -> Outcome:
    """Return the answer, or the kind of error with its pointer."""
    try:
        return transform(document)
    except InvalidDocument as error:
        return f"invalid {error.pointer}"
    except MalformedDocument:
        return "malformed"


def agrees(core: ModuleType, document: bytes) -> bool:
    """Return True if the core and the reference core have the same outcome."""
    return outcome(core.transform, document) == outcome(reference, document)


def answers(core: ModuleType, document: bytes) -> bool:
    """Return True if the core itself gave the right answer, without falling back to the reference core."""
    before = core.provenance()["fallbacks"]
    assert core.transform(document) == reference(document)
    return bool(core.provenance()["fallbacks"] == before)


def line(sku: str = "A-1", quantity: int = 2, price: int = 250, **more: object) -> dict[str, object]:
    return {"sku": sku, "quantity": quantity, "price": price, **more}


def order(number: int = 1, **changes: object) -> dict[str, object]:
    usual: dict[str, object] = {"id": number, "placed": "2026-02-28T23:59:59Z", "status": "paid"}
    usual |= {"customer": {"id": 7, "name": "Ann Lee"}, "lines": [line()]}
    return usual | changes


def document(
    *orders: object, escaped: bool = False, indent: int | None = None, separators: tuple[str, str] = (",", ":")
) -> bytes:
    batch = {"batch": "b", "currency": "EUR", "orders": list(orders)}
    return json.dumps(batch, ensure_ascii=escaped, indent=indent, separators=separators).encode()

"""Unusual shapes of documents: the usual orders with another member order, spelling, tags, skus, customers or names.

The `colliding-*` shapes are those of an attacker: their keys agree in everything that a simple hash function reads. The
`ordinary-*` shapes are their counterparts, with as many random keys of the same length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from bench.documents.dice import Dice
from bench.documents.shop import Batch, Order

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
LINES = 1_000  # the maximum of an order
MAX_ID = 2**53 - 1


def shaped(shape: str, batch: Batch, dice: Dice) -> Batch:
    """Return the batch in that shape. Shapes of spelling do not change it."""
    return SHAPES[shape](batch, dice) if shape in SHAPES else batch


def spelled(shape: str | None, batch: Batch, escaped: bool) -> bytes:
    """Return the batch as JSON, compact unless the shape has another spelling."""
    text = json.dumps(batch, ensure_ascii=escaped, **SPELLINGS.get(shape or "", COMPACT))
    if shape == "repeated-member":  # noticed only at the very end; a core that builds no Python objects must fall back
        text = f"{text[:-1]},{json.dumps('batch')}:{json.dumps(batch['batch'], ensure_ascii=escaped)}}}"
    return text.encode()


def _shuffled(value: Any, dice: Dice) -> Any:
    """Put the members of every object into random order."""
    if isinstance(value, list):
        return [_shuffled(each, dice) for each in value]
    if not isinstance(value, dict):
        return value
    remaining, members = list(value), {}
    while remaining:
        name = remaining.pop(dice.between(0, len(remaining) - 1))
        members[name] = _shuffled(value[name], dice)
    return members


def _tags_200(batch: Batch, dice: Dice) -> Batch:
    for line in _lines(batch):
        if "tags" in line:
            line["tags"] = [f"tag {dice.between(1, 200)}" for _ in line["tags"]]
    return batch


def _long_skus(batch: Batch, _: Dice) -> Batch:
    for line in _lines(batch):
        line["sku"] = f"{line['sku']}.".ljust(40, "x")
    return batch


def _many_customers(batch: Batch, _: Dice) -> Batch:
    """Give each order another customer."""
    return _with_customers(batch, lambda index: 7 + 181 * index)


def _distinct_names(batch: Batch, _: Dice) -> Batch:
    for index, order in enumerate(batch["orders"]):
        order["customer"] = {"id": order["customer"]["id"], "name": f"{order['customer']['name'].strip()} {index}"}
    return batch


def _colliding_customers(batch: Batch, _: Dice) -> Batch:
    """Use ids with equal lower 32 bits."""
    return _with_customers(_slim(batch), lambda index: (index + 1) << 32)


def _ordinary_customers(batch: Batch, dice: Dice) -> Batch:
    return _with_customers(_slim(batch), lambda _: dice.between(2**32, MAX_ID))


def _colliding_skus(batch: Batch, _: Dice) -> Batch:
    """Use skus of 40 characters that differ only in eight characters in the middle."""
    return _with_skus(batch, lambda index: f"{'A' * 16}{index:08}{'Z' * 16}")


def _ordinary_skus(batch: Batch, dice: Dice) -> Batch:
    return _with_skus(batch, lambda _: "".join(dice.pick(LETTERS) for _ in range(40)))


def _with_customers(batch: Batch, customer_id: Callable[[int], int]) -> Batch:
    for index, order in enumerate(batch["orders"]):
        order["customer"] = {"id": customer_id(index), "name": order["customer"]["name"]}
    return batch


def _with_skus(batch: Batch, sku: Callable[[int], str]) -> Batch:
    """Give each order the maximum number of lines, each with another sku, and the same customer."""
    for index, order in enumerate(batch["orders"]):
        order["customer"] = {"id": 1, "name": "Ann"}
        first = index * LINES
        order["lines"] = [{"sku": sku(first + line), "quantity": 1, "price": 100} for line in range(LINES)]
    return batch


def _slim(batch: Batch) -> Batch:
    """Reduce each order to one line without a note, so that 100,000 orders are mostly keys."""
    for order in batch["orders"]:
        order["lines"] = order["lines"][:1]
        order.pop("note", None)
    return batch


def _lines(batch: Batch) -> Iterator[dict[str, Any]]:
    orders: list[Order] = batch["orders"]
    for order in orders:
        order["lines"] = [dict(line) for line in order["lines"]]  # because a duplicate shares them with its order
        yield from order["lines"]


COMPACT: dict[str, Any] = {"separators": (",", ":")}
SPELLINGS: dict[str, dict[str, Any]] = {"separated": {"separators": (", ", ": ")}, "indented": {"indent": 2}}
SHAPES: dict[str, Callable[[Batch, Dice], Batch]] = {
    "shuffled": _shuffled,
    "tags-200": _tags_200,
    "long-skus": _long_skus,
    "many-customers": _many_customers,
    "distinct-names": _distinct_names,
    "colliding-customers": _colliding_customers,
    "ordinary-customers": _ordinary_customers,
    "colliding-skus": _colliding_skus,
    "ordinary-skus": _ordinary_skus,
}

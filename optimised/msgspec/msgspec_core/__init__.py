"""The statement transform with msgspec's typed structs: msgspec checks while it decodes, Python only adds up."""

from operator import attrgetter
from threading import Lock
from typing import Any

import msgspec

from app.core import MAX_INTEGER, is_moment, is_name, is_sku, normalised
from app.core import transform as reference
from msgspec_core.shapes import Batch, Channel, Customer, Order, Sku, Statement, Totals

_parse = msgspec.json.Decoder(Batch).decode
_encode = msgspec.json.Encoder().encode


class Fallbacks:
    """The number of documents that fell back to the reference core since the process began."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self.count += 1


_fallbacks = Fallbacks()


class Breach(Exception):  # noqa: N818 - not an error of the program
    """A document breaks a rule that no type expresses."""


class Account:
    """The sums of one customer's orders."""

    __slots__ = ("amounts", "channels", "first", "last", "name", "orders", "skus", "tags", "units")

    def __init__(self, placed: str) -> None:
        self.name = ""
        self.orders = self.units = 0
        self.first = self.last = placed
        self.amounts = dict.fromkeys(("open", "paid", "shipped", "refunded"), 0)
        self.skus: dict[str, Sku] = {}
        self.tags: set[str] = set()
        self.channels: dict[str, int] = {}

    def add(self, order: Order) -> None:
        """Add an order that counts."""
        skus = self.skus
        total = 0
        for line in order.lines:
            sku, quantity = line.sku, line.quantity
            amount = quantity * line.price
            total += amount
            self.units += quantity
            entry = skus.get(sku)
            if entry is None:
                skus[sku] = Sku(sku, quantity, amount)
            else:
                entry.units += quantity
                entry.amount += amount
            if line.tags:
                self.tags.update(line.tags)
        self.amounts[order.status] += total
        self.name = order.customer.name
        self.orders += 1
        self.first = min(self.first, order.placed)
        self.last = max(self.last, order.placed)
        channel = order.channel
        if channel:
            self.channels[channel] = self.channels.get(channel, 0) + 1

    def customer(self, customer_id: int) -> Customer:
        """The customer's part of the statement."""
        opened, paid, shipped, refunded = self.amounts.values()
        gross = paid + shipped + refunded
        return Customer(
            id=customer_id,
            name=normalised(self.name),
            orders=self.orders,
            first=self.first,
            last=self.last,
            units=self.units,
            gross=gross,
            refunded=refunded,
            open=opened,
            net=gross - refunded,
            skus=[self.skus[sku] for sku in sorted(self.skus)],
            tags=sorted(self.tags),
            channels=[Channel(channel, self.channels[channel]) for channel in sorted(self.channels)],
        )


def transform(document: bytes) -> bytes:
    """Answer a batch with its statement, or fall back to the reference core and raise what that raises."""
    try:
        return _encode(summarise(_parse(document)))
    except (msgspec.DecodeError, UnicodeDecodeError, Breach):
        _fallbacks.add()
        return reference(document)


def summarise(batch: Batch) -> Statement:
    """The statement of a decoded batch. Raises Breach for a rule that no type expresses."""
    check(batch)
    seen: set[int] = set()
    cancelled: list[int] = []
    accounts: dict[int, Account] = {}
    for order in batch.orders:
        if order.id in seen:
            continue
        seen.add(order.id)
        if order.status == "cancelled":
            cancelled.append(order.id)
            continue
        account = accounts.get(order.customer.id)
        if account is None:
            account = accounts[order.customer.id] = Account(order.placed)
        account.add(order)
    customers = [account.customer(customer_id) for customer_id, account in accounts.items()]
    customers.sort(key=lambda customer: (-customer.net, customer.id))
    totals = Totals(len(customers), *(sum(map(attrgetter(name), customers)) for name in Totals.__struct_fields__[1:]))
    if totals.gross + totals.open > MAX_INTEGER:
        raise Breach
    return Statement(
        batch=batch.batch,
        currency=batch.currency,
        orders=len(seen),
        duplicates=len(batch.orders) - len(seen),
        cancelled=sorted(cancelled),
        customers=customers,
        totals=totals,
    )


def check(batch: Batch) -> None:
    """Raise Breach if a moment, a name or a sku breaks a rule; each distinct one is checked once."""
    orders = batch.orders
    if not (
        all(map(is_moment, {order.placed for order in orders}))
        and all(map(is_name, {order.customer.name for order in orders}))
        and all(map(is_sku, {line.sku for order in orders for line in order.lines}))
    ):
        raise Breach


def fallbacks() -> int:
    """The number of documents that fell back to the reference core."""
    return _fallbacks.count


def provenance() -> dict[str, Any]:
    """The version of msgspec, and the number of documents that fell back to the reference core."""
    return {"msgspec": msgspec.__version__, "fallbacks": fallbacks()}

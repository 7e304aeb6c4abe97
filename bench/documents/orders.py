"""Generated batches: a month of an invented shop's orders, with regular customers, duplicates and untidy names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.documents import shop
from bench.documents.dice import Dice, Popular, Weighted
from bench.documents.shop import Article, Batch, Order

_CURRENCIES = Weighted({"EUR": 40, "USD": 30, "GBP": 10, "JPY": 6, "SEK": 4, "INR": 4, "KRW": 3, "BRL": 3})
_PLACES = Weighted({"web": 50, "berlin": 15, "north": 15, "outlet 7": 10, "são-paulo": 5, "東京": 5})
_LINES = Weighted({1: 22, 2: 19, 3: 17, 4: 14, 5: 10, 6: 7, 7: 4, 8: 3, 10: 2, 12: 1.2, 30: 0.3})
_QUANTITIES = Weighted({1: 52, 2: 18, 3: 8, 4: 5, 5: 4, 6: 3, 8: 2, 10: 4, 12: 2, 25: 1, 250: 0.8, 1_000: 0.2})
_CUSTOMERS = 5_000
_MONTH_SECONDS = 28 * 24 * 3600


def batches(seed: int, count: int, orders: int) -> Iterator[Batch]:
    """Yield `count` batches of `orders` orders each, all of one shop."""
    dice = Dice(seed)
    articles = shop.catalogue(dice)
    customers = {dice.between(1, 999_999): shop.name(dice) for _ in range(_CUSTOMERS)}
    known = list(customers.items())
    for number in range(1, count + 1):
        # About three orders per customer on average; a few regular customers place many.
        buyers = Popular([dice.pick(known) for _ in range(orders // 3 + 1)], head=10)
        yield _batch(dice, articles, buyers, number, orders)


def _batch(dice: Dice, articles: Popular[Article], buyers: Popular[tuple[int, str]], number: int, orders: int) -> Batch:
    start = datetime(dice.between(2022, 2026), dice.between(1, 12), 1)
    title = f"{dice.weigh(_PLACES)}-{start:%Y-%m}-{number:04}"
    currency = dice.weigh(_CURRENCIES)
    made: list[Order] = []
    order_id = dice.between(1_000_000, 20_000_000)
    for index in range(orders):
        if made and dice.chance(0.012):
            made.append(_duplicate(dice, dice.pick(made)))
            continue
        order_id += dice.between(1, 3)
        # Orders are roughly in order of time, but neighbours may be swapped.
        seconds = _MONTH_SECONDS * index // orders + dice.between(0, _MONTH_SECONDS // 20)
        made.append(_order(dice, articles, order_id, start + timedelta(seconds=seconds), dice.weigh(buyers)))
    return {"batch": title, "currency": currency, "orders": made}


def _order(dice: Dice, articles: Popular[Article], order_id: int, placed: datetime, buyer: tuple[int, str]) -> Order:
    customer_id, name = buyer
    if dice.chance(0.03):
        name = shop.untidy(dice, name)
    elif dice.chance(0.01):
        name = shop.name(dice)  # a changed or misspelt name
    order: Order = {
        "id": order_id,
        "placed": f"{placed.isoformat()}Z",
        "status": dice.weigh(shop.STATUSES),
        "customer": {"id": customer_id, "name": name},
        "lines": [_line(dice, articles) for _ in range(dice.weigh(_LINES))],
    }
    shop.add_channel(dice, order)
    shop.add_note(dice, order)
    return order


def _line(dice: Dice, articles: Popular[Article]) -> dict[str, object]:
    article = dice.weigh(articles)
    line: dict[str, object] = {"sku": article.sku, "quantity": dice.weigh(_QUANTITIES), "price": article.price}
    shop.add_tags(dice, line)
    return line


def _duplicate(dice: Dice, order: Order) -> Order:
    """Return a duplicate of the order, half of the time with a new status."""
    return dict(order) if dice.chance(0.5) else {**order, "status": dice.weigh(shop.STATUSES)}

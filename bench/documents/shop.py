"""An invented shop: its catalogue, its customers and their texts.

Generated documents and those of the purchase history use it for all invented values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bench.documents import words
from bench.documents.dice import Dice, Popular, Weighted

Order = dict[str, Any]
Batch = dict[str, Any]

STATUSES = Weighted({"paid": 38, "shipped": 36, "open": 12, "refunded": 7, "cancelled": 7})
ARTICLES = 3_000

_NAMINGS = Weighted({naming: naming.weight for naming in words.NAMINGS})
_TAGS = Weighted(words.TAGS)
_TAG_COUNTS = Weighted({0: 22, 1: 43, 2: 25, 3: 9, 5: 1})
_CHANNELS = Weighted(words.CHANNELS)
_LANGUAGES = Weighted(words.SENTENCES)
_SENTENCE_COUNTS = Weighted({1: 55, 2: 30, 3: 12, 12: 2, 40: 1})
_PRICE_RANGES = Weighted({(0, 0): 2, (1, 9): 20, (10, 99): 50, (100, 999): 26, (1_000, 4_999): 2})
_CENTS = (99, 99, 95, 90, 50, 0, 0)


class Article(NamedTuple):
    """An article with its price in minor units."""

    sku: str
    price: int


def catalogue(dice: Dice) -> Popular[Article]:
    """Return the articles of one shop, the most popular first."""
    # A dict, so that a sku that is drawn twice is one article.
    articles = {sku: Article(sku, _price(dice)) for sku in (_sku(dice) for _ in range(ARTICLES))}
    return Popular(articles.values(), head=20)


def name(dice: Dice) -> str:
    """Return a customer's name in one script."""
    naming = dice.weigh(_NAMINGS)
    parts = {"given": dice.pick(naming.given), "family": dice.pick(naming.family)}
    return naming.pattern.format(**parts).replace("_", " ")


def untidy(dice: Dice, tidy: str) -> str:
    """Return the name with white space that normalisation removes."""
    return dice.pick((f" {tidy}", f"{tidy} ", tidy.replace(" ", "  "), tidy.replace(" ", "\t"), f"{tidy}\n"))


def add_tags(dice: Dice, line: dict[str, Any]) -> None:
    """Add tags to a line: absent from 45 % of the lines, otherwise a list that may be empty."""
    if dice.chance(0.55):
        line["tags"] = [dice.weigh(_TAGS) for _ in range(dice.weigh(_TAG_COUNTS))]


def add_channel(dice: Dice, order: Order) -> None:
    """Add a channel to an order: absent from 14 % of the orders, null in 10 % of the others."""
    if dice.chance(0.86):
        order["channel"] = None if dice.chance(0.1) else dice.weigh(_CHANNELS)


def add_note(dice: Dice, order: Order) -> None:
    """Add a note to an order: absent from 66 % of the orders, otherwise null, empty, or up to 2,000 characters."""
    if dice.chance(0.34):
        kind = dice.between(1, 100)
        order["note"] = None if kind <= 20 else "" if kind <= 35 else _text(dice)


def _text(dice: Dice) -> str:
    language = dice.weigh(_LANGUAGES)
    separator = "\n" if dice.chance(0.25) else " "
    return separator.join(dice.pick(language) for _ in range(dice.weigh(_SENTENCE_COUNTS)))[:2_000]


def _sku(dice: Dice) -> str:
    number = dice.between(0, 999)
    if dice.chance(0.9):
        return f"{dice.pick('ABCDEFG')}{number:03}-{dice.between(0, 9)}"
    return dice.pick((f"gift.card_{number}", f"BK-{number:03}-XL", f"{number}", f"SKU.{number:03}.2026-rev_B.eu-west"))


def _price(dice: Dice) -> int:
    whole = dice.between(*dice.weigh(_PRICE_RANGES))
    return whole * 100 + dice.pick(_CENTS) if whole else 0

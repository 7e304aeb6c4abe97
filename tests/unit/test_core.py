"""The reference core: the spec's own cases, and the spec's rules as properties."""

import json
import re
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import InvalidDocument, MalformedDocument, has_unpaired_surrogate, is_plain, summarise, transform
from tests import strategies

GOLDEN = Path(__file__).parents[2] / "spec" / "golden"


def cases(kind: str) -> list[Any]:
    paths = sorted(path for path in (GOLDEN / kind).glob("*.json") if not path.name.endswith(".out.json"))
    return [pytest.param(path, id=path.stem) for path in paths]


def answer(batch: object) -> dict[str, Any]:
    statement: dict[str, Any] = json.loads(transform(strategies.plain(batch)))
    return statement


def whole_batch() -> dict[str, Any]:
    line = {"sku": "A-1", "quantity": 2, "price": 250, "tags": ["new", "sale"]}
    customer = {"id": 7, "name": "Ann Lee"}
    order = {"id": 1, "placed": "2026-02-28T23:59:59Z", "status": "paid", "customer": customer, "lines": [line]}
    return {"batch": "b-1", "currency": "EUR", "orders": [{**order, "channel": "web", "note": "hi"}]}


def breach(document: bytes) -> str:
    with pytest.raises(InvalidDocument) as caught:
        transform(document)
    return caught.value.pointer


@pytest.mark.parametrize("path", cases("valid"))
def test_answers_the_golden_cases(path: Path) -> None:
    assert transform(path.read_bytes()) == path.with_suffix(".out.json").read_bytes()


@pytest.mark.parametrize("path", cases("invalid"))
def test_points_at_the_first_breach_of_the_golden_cases(path: Path) -> None:
    assert breach(path.read_bytes()) == path.with_suffix(".pointer").read_bytes().decode()


@pytest.mark.parametrize("path", cases("malformed"))
def test_refuses_the_malformed_golden_cases(path: Path) -> None:
    with pytest.raises(MalformedDocument):
        transform(path.read_bytes())


@given(strategies.batches)
def test_totals_add_up(batch: dict[str, Any]) -> None:
    statement = answer(batch)
    customers = statement["customers"]
    assert statement["totals"]["customers"] == len(customers)
    for member in ("units", "gross", "refunded", "open", "net"):
        assert statement["totals"][member] == sum(customer[member] for customer in customers)
    for customer in customers:
        assert customer["net"] == customer["gross"] - customer["refunded"]
        assert customer["units"] == sum(sku["units"] for sku in customer["skus"])
        assert customer["gross"] + customer["open"] == sum(sku["amount"] for sku in customer["skus"])
    assert statement["orders"] == sum(customer["orders"] for customer in customers) + len(statement["cancelled"])
    assert statement["orders"] + statement["duplicates"] == len(batch["orders"])


@given(strategies.batches)
def test_each_list_has_its_order(batch: dict[str, Any]) -> None:
    statement = answer(batch)
    assert statement["cancelled"] == sorted(statement["cancelled"])
    ranks = [(-customer["net"], customer["id"]) for customer in statement["customers"]]
    assert ranks == sorted(ranks)
    for customer in statement["customers"]:
        for keys in (
            [sku["sku"].encode() for sku in customer["skus"]],
            [tag.encode() for tag in customer["tags"]],
            [channel["channel"].encode() for channel in customer["channels"]],
        ):
            assert keys == sorted(set(keys))


@given(strategies.batches, strategies.seeds)
def test_spelling_changes_nothing(batch: dict[str, Any], seed: int) -> None:
    assert transform(strategies.spell(batch, seed)) == transform(strategies.plain(batch))


@given(strategies.batches.filter(lambda batch: batch["orders"]), st.data())
def test_a_repeated_order_counts_as_a_duplicate_and_for_nothing_else(
    batch: dict[str, Any], data: st.DataObject
) -> None:
    order = data.draw(strategies.orders)
    order["id"] = data.draw(st.sampled_from(batch["orders"]))["id"]
    before = answer(batch)
    batch["orders"].append(order)
    assert answer(batch) == before | {"duplicates": before["duplicates"] + 1}


@given(strategies.batches, strategies.orders)
def test_a_cancelled_order_is_listed_and_counts_for_nothing_else(batch: dict[str, Any], order: dict[str, Any]) -> None:
    order |= {"id": 777, "status": "cancelled"}
    batch["orders"] = [other for other in batch["orders"] if other["id"] != 777]
    before = answer(batch)
    batch["orders"].append(order)
    listed = sorted([*before["cancelled"], 777])
    assert answer(batch) == before | {"orders": before["orders"] + 1, "cancelled": listed}


@pytest.mark.parametrize("unknown", strategies.UNKNOWN)
def test_each_single_breach_is_found(unknown: str) -> None:
    for number, place in enumerate(strategies.places(whole_batch(), unknown)):
        for wrong in place.wrong:
            batch = whole_batch()
            list(strategies.places(batch, unknown))[number].broken_by(wrong)
            assert breach(strategies.plain(batch)) == place.pointer


@given(strategies.broken_batches(), strategies.seeds)
def test_a_breach_is_found_in_any_spelling(broken: strategies.Broken, seed: int) -> None:
    assert breach(strategies.spell(broken.batch, seed)) == broken.pointer


@given(strategies.broken_batches(3), strategies.seeds)
def test_of_several_breaches_the_first_of_the_table_counts(broken: strategies.Broken, seed: int) -> None:
    assert breach(strategies.spell(broken.batch, seed)) == broken.pointer


@given(strategies.not_batches)
def test_what_is_no_object_is_pointed_at_as_a_whole(broken: strategies.Broken) -> None:
    assert breach(strategies.plain(broken.batch)) == ""


@given(strategies.malformed_documents())
def test_malformed_goes_before_invalid(document: bytes) -> None:
    with pytest.raises(MalformedDocument):
        transform(document)


@given(strategies.valid_documents, st.data())
def test_a_document_cut_short_is_malformed(document: bytes, data: st.DataObject) -> None:
    with pytest.raises(MalformedDocument):
        transform(document.rstrip()[: -data.draw(st.integers(1, 20))])


@given(strategies.mangled_documents())
def test_whatever_comes_is_answered_or_refused(document: bytes) -> None:
    with suppress(MalformedDocument, InvalidDocument):
        json.loads(transform(document))


def test_there_may_be_100000_orders_and_no_more() -> None:
    batch = whole_batch()
    batch["orders"] *= 100_000
    assert summarise(batch)["duplicates"] == 99_999
    batch["orders"].append(batch["orders"][0])
    with pytest.raises(ValueError, match=r"^$"):
        summarise(batch)
    assert breach(strategies.plain(batch | {"orders": 100_001 * [0]})) == "/orders"


def test_there_may_be_no_more_than_1000_lines() -> None:
    batch = whole_batch()
    batch["orders"][0]["lines"] *= 1_001
    assert breach(strategies.plain(batch)) == "/orders/0/lines"


def test_everything_may_be_as_large_as_its_limit() -> None:
    customer = answer(strategies.at_every_limit())["customers"][0]
    assert (len(customer["name"]), customer["units"], customer["open"]) == (200, 500_000_500, 500 * 1_001_000_000)


@pytest.mark.parametrize("over", [-1, 0, 1, 2])
def test_amounts_may_reach_the_limit_and_not_pass_it(over: int) -> None:
    batch = strategies.with_amounts(strategies.MAX_INTEGER + over)
    if over <= 0:
        totals = answer(batch)["totals"]
        assert totals["gross"] + totals["open"] == strategies.MAX_INTEGER + over
    else:
        assert breach(strategies.plain(batch)) == "/orders"


def test_any_other_breach_goes_before_the_amounts() -> None:
    batch = strategies.with_amounts(strategies.MAX_INTEGER + 1) | {"zzz": None}
    assert breach(strategies.plain(batch)) == "/zzz"


def test_unknown_members_are_told_in_the_order_of_the_document() -> None:
    assert breach(b'{"b":1,"a":2,"b":3,"batch":"b","currency":"EUR","orders":[]}') == "/b"


PIECES = ("\\ud83d", "\\uDE00", "\\\\", "\\n", '\\"', "a", "ud83d", "\\u00e9", "\\ud7ff", "\\ue000", "é")


def test_half_a_surrogate_pair_is_seen_wherever_it_is_escaped() -> None:
    for pieces in product(PIECES, repeat=4):
        text = f'"{"".join(pieces)}"'
        half = re.search("[\ud800-\udfff]", json.loads(text))  # a whole pair has become one character
        assert has_unpaired_surrogate(text.encode()) is (half is not None)


@given(st.sampled_from((b"NaN", b"-Infinity", rb'"\ud800"', b"1" * 4301)), st.binary(max_size=500))
def test_a_document_with_what_parsers_let_pass_is_never_plain(fragment: bytes, before: bytes) -> None:
    assert not is_plain(before + fragment)


def test_another_codec_may_stand_in() -> None:
    def loads(document: bytes) -> Any:
        raise ValueError("it refuses all")

    valid = strategies.plain(strategies.with_amounts(10**16 - 10**15))
    assert (
        transform(valid, json.loads, lambda statement: json.dumps(statement).encode())
        == json.dumps(json.loads(transform(valid))).encode()
    )
    with pytest.raises(InvalidDocument):
        transform(b"{}", loads)
    with pytest.raises(MalformedDocument):
        transform(b"{", loads)

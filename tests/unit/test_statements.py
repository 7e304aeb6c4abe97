"""What the models show of an answer: by the scopes of who asks, who is never handed to them."""

import json
from collections.abc import Iterable
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import transform
from app.http import Problem
from app.principal import PRINCIPAL, Principal
from app.statements import SUMS, as_seen
from tests import strategies


def seen_by(scopes: Iterable[str], document: bytes) -> bytes:
    """The answer that who has these scopes gets."""

    def answered() -> bytes:
        PRINCIPAL.set(Principal("anna", frozenset({"statements", *scopes})))
        return as_seen(transform)(document)

    return copy_context().run(answered)


def order(number: int, customer: int, status: str = "paid") -> dict[str, Any]:
    lines = [{"sku": "a", "quantity": number, "price": 10}]
    who = {"id": customer, "name": f"c{customer}"}
    return {"id": number, "placed": "2026-01-01T00:00:00Z", "status": status, "customer": who, "lines": lines}


ORDERS = [order(1, 7), order(2, 8), order(3, 7, "open"), order(4, 9, "cancelled"), order(2, 8), order(5, 9)]
DOCUMENT = json.dumps({"batch": "b", "currency": "EUR", "orders": ORDERS}).encode()


def test_who_may_see_all_customers_gets_the_cores_bytes() -> None:
    answer = transform(DOCUMENT)
    passed = as_seen(lambda _document: answer)
    assert (
        copy_context().run(
            lambda: PRINCIPAL.set(Principal("a", frozenset({"statements", "customers:all"}))) and passed(b"")
        )
        is answer
    )


def test_others_see_their_customers_and_sums_over_these() -> None:
    full, seen = json.loads(transform(DOCUMENT)), json.loads(seen_by({"customer:7", "customer:9"}, DOCUMENT))
    assert [each["id"] for each in seen["customers"]] == [9, 7]
    assert all(each in full["customers"] for each in seen["customers"])
    assert list(seen) == ["batch", "currency", "orders", "customers", "totals"]
    assert (seen["batch"], seen["currency"], seen["orders"]) == ("b", "EUR", 3)
    assert seen["totals"] == {"customers": 2, "units": 9, "gross": 60, "refunded": 0, "open": 30, "net": 60}


@pytest.mark.parametrize(
    "scopes", [(), ("statements",), ("customer:70", "customer:", "customer:07", "Customer:7", "customers:ALL")]
)
def test_other_scopes_show_no_customer(scopes: tuple[str, ...]) -> None:
    seen = json.loads(seen_by(scopes, DOCUMENT))
    assert seen["customers"] == []
    assert set(seen["totals"].values()) == {0}
    assert seen["orders"] == 0


def test_nothing_is_told_of_a_customer_who_is_left_out() -> None:
    """The answer is the same whatever the others have ordered."""
    others = [order(10, 8), order(11, 9, "cancelled"), order(11, 10), order(12, 11)]
    mine = [order(1, 7), order(3, 7, "open")]
    answers = {
        seen_by({"customer:7"}, json.dumps({"batch": "b", "currency": "EUR", "orders": mine + more}).encode())
        for more in ([], others[:1], others[:2], others)
    }
    assert len(answers) == 1


@given(strategies.batches, st.data())
def test_any_choice_of_customers_is_a_part_of_the_answer(batch: dict[str, Any], data: st.DataObject) -> None:
    body = strategies.plain(batch)
    full = json.loads(transform(body))
    ids = [each["id"] for each in full["customers"]]
    chosen = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    seen = json.loads(seen_by({f"customer:{each}" for each in chosen}, body))
    assert seen["customers"] == [each for each in full["customers"] if each["id"] in chosen]
    assert seen["totals"] == {
        "customers": len(chosen),
        **{member: sum(each[member] for each in seen["customers"]) for member in SUMS},
    }
    if len(chosen) == len(ids):
        assert seen["totals"] == full["totals"]


def test_errors_are_the_cores_own() -> None:
    for scopes in ((), ("customers:all",)):
        with pytest.raises(ValueError, match=r"^/batch$"):
            seen_by(scopes, b"{}")


def test_without_a_principal_nothing_is_computed() -> None:
    with pytest.raises(Problem, match="a bearer token is needed"):
        as_seen(never)(DOCUMENT)


def test_without_the_scope_nothing_is_computed() -> None:
    def asked() -> None:
        PRINCIPAL.set(Principal("anna", frozenset({"customers:all"})))
        with pytest.raises(Problem, match="the token lacks the scope"):
            as_seen(never)(DOCUMENT)

    copy_context().run(asked)


def never(document: bytes) -> bytes:
    raise AssertionError(document)

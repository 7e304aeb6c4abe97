"""The Numba core against the reference: what its windows of bytes, its sorting and its tables could get wrong."""

import random
from itertools import product
from types import ModuleType

import pytest

from tests.cores import agrees, answers, document, line, order, outcome
from tests.unit.hand_written import numba_core


@pytest.fixture(scope="session")
def core() -> ModuleType:
    return numba_core()


def test_the_provenance_tells_what_was_compiled_and_what_fell_back(core: ModuleType) -> None:
    told = core.provenance()
    assert told["nopython"] is True
    assert len(told["signatures"]) == 1
    assert outcome(core.transform, b"[]") == "invalid "
    assert core.provenance()["fallbacks"] == told["fallbacks"] + 1


@pytest.mark.parametrize(
    "sku", ["", "a b", "a/b", "é", "@", "[", "`", "{", "^", ",", "x" * 15 + ":", "x" * 41, "a\\u0041"]
)
def test_what_is_no_sku(core: ModuleType, sku: str) -> None:
    assert agrees(core, document(order(lines=[line("*")])).replace(b"*", sku.encode()))


@pytest.mark.parametrize("count", [1, 2, 11, 12, 13, 24, 25, 300, 66_000])
def test_any_number_of_lines_of_a_customer(core: ModuleType, count: int) -> None:
    dice = random.Random(count)
    lines = [line(f"{dice.randint(0, count)}-{'x' * dice.choice([1, 9])}") for _ in range(count)]
    assert answers(
        core, document(*(order(n, lines=lines[n * 900 : n * 900 + 900]) for n in range(1, count // 900 + 1)))
    )
    assert answers(core, document(order(lines=lines[:900])))


@pytest.mark.parametrize("most", [2, 10**6, 2**48, 2**53 - 1])
def test_customers_are_sorted_by_net_and_by_id(core: ModuleType, most: int) -> None:
    dice = random.Random(most)
    ids = [dice.randint(1, most) for _ in range(300)]
    orders = [
        order(n, customer={"id": one, "name": "x"}, lines=[line(price=dice.randint(0, 9))])
        for n, one in enumerate(ids, 1)
    ]
    assert answers(core, document(*orders))


def test_nets_of_any_size_are_sorted(core: ModuleType) -> None:
    prices = [0, 1, 281_474_976, 281_474_977, 10**9, 281_474_978, 10**9, 7]  # times a million: 2^48 is among them
    orders = [
        order(n, customer={"id": 9 - n, "name": "x"}, lines=[line(quantity=10**6, price=price)])
        for n, price in enumerate(prices, 1)
    ]
    assert answers(core, document(*orders))


def test_labels_that_the_memory_forgets(core: ModuleType) -> None:
    dice = random.Random(8)
    tags = [f"the same beginning {number:03} and the same end" for number in range(200)]
    tags = [tag[:30] for tag in tags] + [f"tag 0{number:05}f the end" for number in range(6000)]
    for most in (300, 6000):
        lines = [line(tags=[tags[dice.randrange(most)] for _ in range(20)]) for _ in range(900)]
        assert agrees(core, document(order(1, lines=lines), order(2, lines=lines[:1])))


def test_zero_bytes_sort_before_all_others(core: ModuleType) -> None:
    assert agrees(core, document(order(lines=[line(tags=["a\0\0", "a", "a\0", "", "a\0b"][:3])])))


@pytest.mark.parametrize(
    "bad", [b"\x80", b"\xc3", b"\xc1\x81", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\t"]
)
def test_a_bad_byte_is_found_at_any_place_of_a_string(core: ModuleType, bad: bytes) -> None:
    for member in (b"note", b"name"):
        for length in (*range(8), *range(56, 68), 130):
            text = b"x" * length + "é夏🎁".encode()
            for end in (b"", b"y" * 60):
                given = document(order(note="", customer={"id": 1, "name": "*"})).replace(b'"*"', b'"n"')
                at = given.index(b'"', given.index(member) + 6) + 1
                good = given[:at] + text + end + given[at:]
                assert answers(core, good)
                assert agrees(core, given[:at] + text + bad + end + given[at:])


@pytest.mark.parametrize("count", [1, 200, 201])
@pytest.mark.parametrize("character", ["x", "é", "🎁"])
def test_lengths_count_characters(core: ModuleType, character: str, count: int) -> None:
    for name in (character * count, f"  {character * count}\t", f"{character * (count - 1)} {character}"):
        assert agrees(core, document(order(customer={"id": 1, "name": name}), escaped=True))
        assert agrees(core, document(order(customer={"id": 1, "name": name.replace("\t", " ")})))


INTEGERS = (
    "0 -0 00 1 9 10 01 1.0 1e0 -1 1000000 1000001 1000000000 1000000001 99999999 9007199254740991 9007199254740992"
)


def test_integers(core: ModuleType) -> None:
    for member, literal in product((b'"id":1', b'"quantity":2', b'"price":250', b'"id":7'), INTEGERS.split()):
        assert agrees(core, document(order()).replace(member, member.split(b":")[0] + b":" + literal.encode()))


@pytest.mark.parametrize("digits", range(1, 20))
def test_integers_of_any_length(core: ModuleType, digits: int) -> None:
    for number in (10 ** (digits - 1), 10**digits - 1):
        assert agrees(core, document(order(number, customer={"id": number, "name": "x"})))


def test_moments(core: ModuleType) -> None:
    for year in (0, 1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999):
        for month in range(14):
            for day in (0, 1, 28, 29, 30, 31, 32):
                assert agrees(core, document(order(placed=f"{year:04}-{month:02}-{day:02}T23:59:59Z")))
    for place in range(20):
        for character in "0369:-TZ /é":
            placed = "2026-02-28T23:59:59Z"
            assert agrees(core, document(order(placed=placed[:place] + character + placed[place + 1 :])))


@pytest.mark.parametrize("pair", ["- 1", "1 0", "tr ue", "nul l", '"a" "b"', "1 .0", "1e 5"])
def test_white_space_does_not_join_tokens(core: ModuleType, pair: str) -> None:
    assert agrees(core, document(order(note="*")).replace(b'"*"', pair.encode()))
    assert agrees(core, document(order(7)).replace(b'"id":7', b'"id": ' + pair.encode()))


def test_a_member_named_twice(core: ModuleType) -> None:
    whole = document(order(lines=[line(tags=["new"])], channel="web", note="hi"))
    for member in (
        b'"id":1',
        b'"sku":"A-1"',
        b'"tags":["new"]',
        b'"note":"hi"',
        b'"currency":"EUR"',
        b'"name":"Ann Lee"',
    ):
        for times in (2, 9, 65):
            assert agrees(core, whole.replace(member, b",".join([member] * times)))


def test_amounts_up_to_the_limit(core: ModuleType) -> None:
    for price in (2**53 - 1 - 9 * 10**15, 2**53 - 9 * 10**15):
        nine = [line("A", 10**6, 10**9)] * 9
        rest = [line("B", 10**6, price // 10**6), line("B", 1, price % 10**6)]
        assert agrees(core, document(order(1, lines=nine), order(2, status="open", lines=rest)))

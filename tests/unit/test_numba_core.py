"""The Numba core against the reference: what its windows of bytes, its sorting and its tables could get wrong."""

import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

from app.core import transform as reference
from bench.paths import ROOT
from tests.cores import FOUND, GOLDEN, agrees, answers, document, line, order, outcome

SOURCE = ROOT / "optimised" / "numba"


@pytest.fixture(scope="session")
def core() -> ModuleType:
    """The core, compiled when its source has changed."""
    digest = sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.rglob("*.py"))))
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / "build" / "tests" / f"numba-{digest.hexdigest()[:16]}")
    pytest.importorskip("numba")
    sys.path.insert(0, str(SOURCE))
    return import_module("numba_core")


@pytest.mark.parametrize("path", [*GOLDEN, *FOUND], ids=lambda path: path.stem)
def test_golden_cases_and_what_fuzzing_found(core: ModuleType, path: Path) -> None:
    assert agrees(core, path.read_bytes())


def test_the_witness_tells_what_was_compiled_and_what_fell_back(core: ModuleType) -> None:
    told = core.witness()
    assert told["nopython"] is True
    assert len(told["signatures"]) == 1
    assert outcome(core.transform, b"[]") == "invalid "
    assert core.witness()["fallbacks"] == told["fallbacks"] + 1


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 31, 32, 33, 36, 38, 40])
def test_skus_of_any_length_are_sorted_and_merged(core: ModuleType, size: int) -> None:
    skus = ["x" * size + end for end in ("b", "a", "c", "ab", "", "b") if 1 <= len("x" * size + end) <= 40]
    assert answers(core, document(order(lines=[line(sku) for sku in skus])))
    assert answers(core, document(order(lines=[line(sku) for sku in skus * 30])))


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


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 5000])
def test_any_number_of_tags_and_channels(core: ModuleType, count: int) -> None:
    names = [f"tag {number * 7919 % count}" for number in range(count)]
    orders = [order(n, lines=[line(tags=[tag, "é", "new"])], channel=tag) for n, tag in enumerate(names, 1)]
    assert answers(core, document(*orders))


@pytest.mark.parametrize("escaped", [False, True])
def test_strings_of_any_script(core: ModuleType, escaped: bool) -> None:
    words = ["a", "é", "夏", "🎁", 'say "hi"', "back\\slash", "tab\tbell\a", "～", "\x7f", "/", "ǆ" * 30, "😀" * 30]
    orders = [
        order(
            n, customer={"id": n, "name": f" {word}\n{word}\0 "}, lines=[line(tags=words)], channel=word, note=word * 60
        )
        for n, word in enumerate(words, 1)
    ]
    assert answers(core, document(*orders, escaped=escaped))


def test_one_string_spelled_in_several_ways_is_one(core: ModuleType) -> None:
    spellings = rb'["\u0061b","a\u0062","ab","\"","\u0022","a\\u0062","\/","/","\\\\","\u005c\\"]'
    assert answers(core, document(order(lines=[line(tags="*")], channel="web")).replace(b'"*"', spellings))


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


def test_members_in_any_order_with_any_white_space(core: ModuleType) -> None:
    dice = random.Random(5)
    orders = [order(n, lines=[line(tags=["x"])] * n, channel="web", note=None) for n in range(1, 9)]
    shuffled = [dict(dice.sample(list(one.items()), len(one))) for one in orders]
    for separators in ((",", ":"), (", ", ": "), ("\n" + " " * 70 + ",", "\t:\r\n")):
        assert answers(core, document(*shuffled, separators=separators))


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


@pytest.mark.parametrize("array", ["", "1", ",", "{},", '"a",', ',"a"', '"a",,"b"', '"a"]', '"a"}'])
def test_commas_are_where_they_should_be(core: ModuleType, array: str) -> None:
    for given in (document(order(lines=[line(tags="*")])), document(order(lines="*")), document("*")):
        assert agrees(core, given.replace(b'"*"', f"[{array}]".encode()))


def test_what_is_cut_off_is_malformed(core: ModuleType) -> None:
    whole = document(order(lines=[line(tags=["new"])], channel="web", note="hi"))
    assert {outcome(core.transform, whole[:end]) for end in range(len(whole))} == {"malformed"}


def test_a_changed_byte_is_judged_like_the_reference_does(core: ModuleType) -> None:
    dice = random.Random(7)
    others = b'"\\{}[]:,019 \n\0\x1f\x80\xc3\xed\xff-.e'
    whole = document(order(lines=[line(tags=["né"])], channel="web", note="日\n"))
    for place in range(len(whole)):
        for _ in range(3):
            assert agrees(core, whole[:place] + bytes([dice.choice(others)]) + whole[place + 1 :])


def test_amounts_up_to_the_limit(core: ModuleType) -> None:
    for price in (2**53 - 1 - 9 * 10**15, 2**53 - 9 * 10**15):
        nine = [line("A", 10**6, 10**9)] * 9
        rest = [line("B", 10**6, price // 10**6), line("B", 1, price % 10**6)]
        assert agrees(core, document(order(1, lines=nine), order(2, status="open", lines=rest)))


def test_threads_do_not_disturb_each_other(core: ModuleType) -> None:
    given = [document(*(order(n, lines=[line(f"{one}-{n}")] * n) for n in range(1, 40))) for one in range(8)]
    right = [reference(one) for one in given]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert list(pool.map(core.transform, given)) == right

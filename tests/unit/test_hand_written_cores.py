"""What both hand-written cores could get wrong alike, the Cython core on each of its paths, against the reference."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.core import transform as reference
from tests.cores import FOUND, GOLDEN, agrees, answers, document, line, order, outcome
from tests.unit.hand_written import PATHS, cython_core, numba_core


@pytest.fixture(scope="session", params=["numba", *PATHS])
def core(request: pytest.FixtureRequest) -> ModuleType:
    return numba_core() if request.param == "numba" else cython_core(request.param)


@pytest.mark.parametrize("path", [*GOLDEN, *FOUND], ids=lambda path: path.stem)
def test_golden_cases_and_what_fuzzing_found(core: ModuleType, path: Path) -> None:
    assert agrees(core, path.read_bytes())


def test_documents_that_fall_back_are_counted(core: ModuleType) -> None:
    before = core.provenance()["fallbacks"]
    assert outcome(core.transform, b"[]") == "invalid "
    assert core.provenance()["fallbacks"] == before + 1


def test_the_package_of_a_core_tells_how_many_documents_fell_back(core: ModuleType) -> None:
    """For Cython that is the path of this processor."""
    package = sys.modules[core.__name__.partition(".")[0]]
    before = package.fallbacks()
    assert outcome(package.transform, b"[]") == "invalid "
    assert package.fallbacks() == before + 1


@pytest.mark.parametrize("size", [0, 1, *range(5, 10), *range(11, 18), 24, 31, 32, 33, 36, 38, 40])
def test_skus_of_any_length_are_sorted_and_merged(core: ModuleType, size: int) -> None:
    skus = ["x" * size + end for end in ("b", "a", "c", "ab", "", "b") if 1 <= len("x" * size + end) <= 40]
    assert answers(core, document(order(lines=[line(sku) for sku in skus])))
    assert answers(core, document(order(lines=[line(sku) for sku in skus * 30])))


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


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"indent": 0},
        {"indent": 4},
        {"separators": (", ", ": ")},
        {"separators": ("\n" + " " * 70 + ",", "\t:\r\n")},
    ],
    ids=str,
)
def test_members_in_any_order_with_any_white_space(core: ModuleType, how: dict[str, Any]) -> None:
    dice = random.Random(5)
    orders = [order(n, lines=[line(tags=["x"])] * n, channel="web", note=None) for n in range(1, 9)]
    shuffled = [dict(dice.sample(list(one.items()), len(one))) for one in orders]
    assert answers(core, document(*shuffled, **how))


@pytest.mark.parametrize(
    "array",
    ["", " ", "1", ",", "{},", *('"a",', ',"a"', '"a",,"b"', '"a"]', '"a"}', '"a""b"', '"a" "b"', ' "a" ,"b" ')],
)
def test_commas_are_where_they_should_be(core: ModuleType, array: str) -> None:
    after_others = order(lines=[line(tags=["a", "b"]), line(tags="*")])
    for given in (document(after_others), document(order(lines="*")), document("*")):
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


def test_threads_do_not_disturb_each_other(core: ModuleType) -> None:
    given = [document(*(order(n, lines=[line(f"{one}-{n}")] * n) for n in range(1, 40))) for one in range(7)]
    names = [{"id": n % 9 + 1, "name": "Zoë"} for n in range(700)]
    many = (order(n, customer=names[n], lines=[line(f"S{n % 70}", tags=["é"])]) for n in range(1, 700))
    given.append(document(*many, escaped=True))
    right = [reference(one) for one in given]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert list(pool.map(core.transform, given)) == right

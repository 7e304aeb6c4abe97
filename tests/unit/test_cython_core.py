"""The Cython core, on every path that this processor runs, against the reference."""

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from app.core import transform as reference
from bench.paths import ROOT
from tests.cores import FOUND, GOLDEN, agrees, answers, document, line, order, outcome

BUILT = ROOT / "build" / "tests"


@pytest.fixture(scope="session")
def built() -> Path:
    """Where the extensions are, compiled if their source has changed."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "-j", "2", "--build-lib", str(BUILT)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    source = ROOT / "optimised" / "cython" / "cython_core" / "__init__.py"
    (BUILT / "cython_core" / "__init__.py").write_bytes(source.read_bytes())
    return BUILT


@pytest.fixture(scope="session", params=["scalar", "avx2", "avx512"])
def core(request: pytest.FixtureRequest, built: Path) -> ModuleType:
    """One path's module."""
    sys.path.insert(0, str(built))
    widest = import_module("cython_core._scalar").widest()
    order = ["scalar", "avx2", "avx512"]
    if order.index(request.param) > order.index(widest):
        pytest.skip(f"this processor does not run {request.param}")
    return import_module(f"cython_core._{request.param}")


@pytest.mark.parametrize("path", [*GOLDEN, *FOUND], ids=lambda path: path.stem)
def test_golden_cases_and_what_fuzzing_found(core: ModuleType, path: Path) -> None:
    assert agrees(core, path.read_bytes())


@pytest.mark.parametrize("size", [0, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40])
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
    words = ["a", "é", "夏", "🎁", 'say "hi"', "back\\slash", "tab\tnul\0", "a\0", "a\0\0", "～", "\x7f", "/", "ǆ" * 30]
    names = [f" {word}\n{word} " for word in words]
    orders = [
        order(n, customer={"id": n, "name": name}, lines=[line(tags=words)], channel=word, note=word * 60)
        for n, (word, name) in enumerate(zip(words, names, strict=True), 1)
    ]
    assert answers(core, document(*orders, escaped=escaped))


def test_one_string_spelled_in_several_ways_is_one(core: ModuleType) -> None:
    spellings = rb'["\u0061b","a\u0062","ab","\"","\u0022","a\\u0062","\/","/"]'
    assert answers(core, document(order(lines=[line(tags="*")], channel="web")).replace(b'"*"', spellings))


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_members_in_any_order_with_any_white_space(core: ModuleType, indent: int | None) -> None:
    dice = random.Random(5)
    orders = [order(n, lines=[line(tags=["x"])] * n, channel="web", note=None) for n in range(1, 9)]
    shuffled = [dict(dice.sample(list(one.items()), len(one))) for one in orders]
    assert answers(core, document(*shuffled, indent=indent))


@pytest.mark.parametrize(
    "odd",
    [
        '{"price":1,"sku":"B","quantity":2}',
        '{"sku":"B", "quantity":2,"price":1}',
        '{"sku":"B","quantity":2,"price":123456789}',
    ]
    + [
        f'{{"sku":"B","quantity":2,"price":1,"tags":[{tags}]}}'
        for tags in ('"]"', '"a]","}"', r'"\\","\""', '"a","b","c","d"', '"a" ')
    ],
)
@pytest.mark.parametrize("place", [0, 1, 126, 127, 128, 129, 299])
def test_an_odd_line_among_many_usual_ones(core: ModuleType, odd: str, place: int) -> None:
    lines = [line(f"S{number}", tags=["a", "new"] * (number % 3)) for number in range(300)]
    lines[place] = line("*")
    orders = [order(1, lines=lines[:100]), order(2, lines=lines[100:])]
    star = json.dumps(line("*"), separators=(",", ":")).encode()
    assert answers(core, document(*orders).replace(star, odd.encode()))


def test_a_duplicate_is_known_whatever_the_order_of_ids(core: ModuleType) -> None:
    dice = random.Random(6)
    ids = [dice.randint(1, 500) for _ in range(600)]
    assert answers(core, document(*(order(number, status=dice.choice(["open", "cancelled"])) for number in ids)))


def test_a_document_may_end_anywhere_on_a_page(core: ModuleType) -> None:
    for length in range(0, 5000, 61):
        assert answers(core, document(order(note="n" * (length % 2000))) + b" " * length)


@pytest.mark.parametrize(
    "tags", ['"a""b"', '"a" "b"', '"a",', ',"a"', '"a",,"b"', '"a"]', '"a" ,"b"', ' "a" , "b" ', " "]
)
def test_commas_between_tags_are_where_they_should_be(core: ModuleType, tags: str) -> None:
    given = document(order(lines=[line(tags=["a", "b"]), line(tags="*")])).replace(b'"*"', f"[{tags}]".encode())
    assert outcome(core.transform, given) == outcome(reference, given)


def test_what_is_cut_off_is_malformed(core: ModuleType) -> None:
    whole = document(order(lines=[line(tags=["new"])], channel="web", note="hi"))
    assert {outcome(core.transform, whole[:end]) for end in range(len(whole))} == {"malformed"}


def test_a_changed_byte_is_judged_like_the_reference_does(core: ModuleType) -> None:
    dice = random.Random(7)
    others = b'"\\{}[]:,019 \n\0\x1f\x80\xc3\xed\xff-.e'
    whole = document(order(lines=[line(tags=["né"])], channel="web", note="日\n"))
    for place in range(len(whole)):
        changed = whole[:place] + bytes([dice.choice(others)]) + whole[place + 1 :]
        assert outcome(core.transform, changed) == outcome(reference, changed)


def test_the_environment_names_the_path(built: Path) -> None:
    ask = "import cython_core; print(cython_core.witness()['path'])"
    env = {**os.environ, "PYTHONPATH": f"{built}:{ROOT}", "CYTHON_CORE_PATH": "scalar"}
    assert subprocess.check_output([sys.executable, "-c", ask], env=env, text=True) == "scalar\n"


def test_a_path_that_is_none_is_refused(built: Path) -> None:
    env = {**os.environ, "PYTHONPATH": f"{built}:{ROOT}", "CYTHON_CORE_PATH": "wide"}
    with pytest.raises(subprocess.CalledProcessError) as failure:
        subprocess.run(
            [sys.executable, "-c", "import cython_core"], env=env, check=True, capture_output=True, text=True
        )
    assert "CYTHON_CORE_PATH is 'wide'" in failure.value.stderr


def test_several_threads_answer_at_once(core: ModuleType) -> None:
    orders = [
        order(n, customer={"id": n % 9 + 1, "name": "Zoë"}, lines=[line(f"S{n % 70}", tags=["é"])])
        for n in range(1, 700)
    ]
    given = document(*orders, escaped=True)
    right = reference(given)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(core.transform, [given] * 40)) == {right}


def test_subinterpreters_load_it_each_for_itself(built: Path) -> None:
    pytest.importorskip("_xxsubinterpreters")  # the name it has up to CPython 3.12
    ask = "import cython_core; print(len(cython_core.transform(bytes.fromhex('{}'))))"
    run = f"sub.run_string(sub.create(), {ask.format(document().hex())!r})"
    code = f"import _xxsubinterpreters as sub\nfor _ in range(2): {run}"
    env = {**os.environ, "PYTHONPATH": f"{built}:{ROOT}"}
    said = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert said.split() == [str(len(reference(document())))] * 2

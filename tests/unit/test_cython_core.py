"""The Cython core, on every path that this processor runs, against the reference."""

import json
import os
import random
import subprocess
import sys
from types import ModuleType

import pytest

from app.core import transform as reference
from bench.paths import ROOT
from tests.cores import answers, document, line, order
from tests.unit.hand_written import PATHS, cython_built, cython_core


@pytest.fixture(scope="session", params=PATHS)
def core(request: pytest.FixtureRequest) -> ModuleType:
    """One path's module."""
    return cython_core(request.param)


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process that can import the core."""
    env = {**os.environ, "PYTHONPATH": f"{cython_built()}:{ROOT}", **env}
    return subprocess.run([sys.executable, "-c", code], env=env, check=False, capture_output=True, text=True)


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


def test_zero_bytes_are_like_any_other(core: ModuleType) -> None:
    words = ["tab\tnul\0", "a\0", "a\0\0", "a"]
    orders = [order(n, lines=[line(tags=words)], channel=word, note=word * 60) for n, word in enumerate(words, 1)]
    assert answers(core, document(*orders))
    assert answers(core, document(*orders, escaped=True))


def test_the_environment_names_the_path() -> None:
    done = python("import cython_core; print(cython_core.provenance()['path'])", CYTHON_CORE_PATH="scalar")
    assert (done.stdout, done.stderr) == ("scalar\n", "")


def test_a_path_that_is_none_is_refused() -> None:
    done = python("import cython_core", CYTHON_CORE_PATH="wide")
    assert done.returncode == 1
    assert "CYTHON_CORE_PATH is 'wide'" in done.stderr


def test_subinterpreters_load_it_each_for_itself() -> None:
    pytest.importorskip("_xxsubinterpreters")  # the name it has up to CPython 3.12
    ask = "import cython_core; print(len(cython_core.transform(bytes.fromhex('{}'))))"
    run = f"sub.run_string(sub.create(), {ask.format(document().hex())!r})"
    done = python(f"import _xxsubinterpreters as sub\nfor _ in range(2): {run}")
    assert done.stdout.split() == [str(len(reference(document())))] * 2, done.stderr

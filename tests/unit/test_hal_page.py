"""docs/hal.md: its example is what the service answers, and its figures are those of the code."""

import json
import re

from app.core import transform
from app.resources import PAGE_CUSTOMERS, Resources
from bench.paths import ROOT
from tests.contract.test_hal import EVERY, STACKS
from tests.cores import document, order
from tests.declared import CATALOG
from tests.hal import required

PAGE = (ROOT / "docs" / "hal.md").read_text(encoding="utf-8")


def is_part(told: object, whole: object) -> bool:
    """Whether all that the example tells is in an answer, at the same place."""
    if isinstance(told, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in told.items())
    if isinstance(told, list) and isinstance(whole, list):
        return len(told) == len(whole) and all(map(is_part, told, whole))
    return told == whole


def test_the_example_is_part_of_an_answer() -> None:
    (block,) = re.findall(r"^Vary: Accept\n\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    example = required(json.loads(block))
    answer = json.loads(Resources(are_kept=False).answer(transform(document(order()))))
    assert is_part(example, answer)
    assert list(example) == list(answer)


def test_the_page_has_the_figures_of_the_code() -> None:
    assert f"| {PAGE_CUSTOMERS} customers: " in PAGE
    assert f"all {len(EVERY)} servers" in PAGE
    assert {stack.framework for stack in STACKS} == set(CATALOG.frameworks), "one server for each framework"


def test_the_layer_has_no_settings() -> None:
    source = (ROOT / "app" / "hal.py").read_text(encoding="utf-8")
    assert set(re.findall(r"STATEMENTS_[A-Z_]+", source)) == {"STATEMENTS_LAYERS"}


def test_the_clients_that_are_tested_are_those_of_the_page() -> None:
    lock = (ROOT / "bench" / "locks" / "lab.txt").read_text(encoding="utf-8")
    halchemy = re.search(r"^halchemy==(\S+)", lock, re.MULTILINE)[1]
    ketting = json.loads((ROOT / "tests/contract/ketting/package.json").read_text())["dependencies"]["ketting"]
    assert f"(https://pypi.org/project/halchemy/) {halchemy} |" in PAGE
    assert f"(https://www.npmjs.com/package/ketting) {ketting} |" in PAGE

"""One contract for every core: the golden cases, and whatever the reference says to documents of all kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import verify
from tests import strategies
from tests.contract import answerers
from tests.contract.answerers import Answerer
from tests.cores import FOUND


@pytest.fixture(scope="session")
def answerer(name: str) -> Iterator[Answerer]:
    with answerers.variant(name) as asked:
        yield asked


def test_golden_cases(name: str) -> None:
    checked = verify.check_variant(name)
    assert checked.cases > 0
    assert checked.mismatches == ()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_fuzzing_found(answerer: Answerer, path: Path) -> None:
    assert answerer(path.read_bytes()) == answerers.reference(path.read_bytes())


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_says_what_the_reference_says(answerer: Answerer, documents: list[bytes]) -> None:
    for document in documents:
        assert answerer(document) == answerers.reference(document)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_keeps_the_limit_of_amounts(answerer: Answerer, over: int) -> None:
    document = strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over))
    assert answerer(document) == answerers.reference(document)


def test_keeps_nothing_between_calls(answerer: Answerer) -> None:
    document = strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER))
    first = answerer(document)
    answerer(b"{")
    assert answerer(document) == first

"""The contract of every core: the golden cases, and the reference core's outcome for documents of all kinds."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import verify
from bench.model import Unavailable
from bench.readiness import building
from tests import strategies
from tests.contract import answerers
from tests.contract.answerers import Answerer
from tests.cores import FOUND
from tests.declared import CATALOG


@pytest.fixture(scope="session")
def answerer(name: str) -> Iterator[Answerer]:
    with answerers.variant(name) as running:
        yield running


@pytest.fixture(scope="module")
def everyone(prepared: tuple[building.Built, list[Unavailable]]) -> Iterator[dict[str, Answerer]]:
    """Every built variant, all running. The other tests report variants that are not built."""
    artifacts, _ = prepared
    with ExitStack() as running:
        names = [name for name in CATALOG.variants if name in artifacts]
        yield {name: running.enter_context(answerers.variant(name)) for name in names}


def test_golden_cases(name: str) -> None:
    checked = verify.check_variant(CATALOG, name)
    assert checked.cases > 0
    assert checked.mismatches == ()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_documents_found_by_fuzzing(answerer: Answerer, path: Path) -> None:
    assert answerer(path.read_bytes()) == answerers.reference(path.read_bytes())


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_all_agree_with_the_reference_core(everyone: dict[str, Answerer], documents: list[bytes]) -> None:
    for document in documents:
        expected = answerers.reference(document)
        assert {name: answer for name, ask in everyone.items() if (answer := ask(document)) != expected} == {}


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_enforces_the_limit_of_amounts(answerer: Answerer, over: int) -> None:
    document = strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over))
    assert answerer(document) == answerers.reference(document)


def test_keeps_nothing_between_calls(answerer: Answerer) -> None:
    document = strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER))
    first = answerer(document)
    answerer(b"{")
    assert answerer(document) == first

"""The cores of the Spring peers, each behind a pipe: they agree with the reference core, including pointers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.build import peers
from bench.model import Unavailable
from bench.paths import PREFIXES
from bench.readiness import building
from tests import strategies
from tests.contract import answerers
from tests.contract.answerers import Answerer
from tests.contract.conftest import missing
from tests.cores import FOUND, GOLDEN
from tests.declared import CATALOG

CORES = ("ordinary", "expert", "hand-written")
BUILT = [peer for peer in CATALOG.peers.values() if peer.build == "spring-tomcat"]


@pytest.fixture(scope="module")
def cores(prepared: tuple[building.Built, list[Unavailable]]) -> Iterator[dict[str, Answerer]]:
    """Each core by name, running behind a pipe."""
    made, unavailable = prepared
    if BUILT[0].name not in made:
        missing(unavailable, BUILT[0].name)
    app = PREFIXES / BUILT[0].build / "app"
    jars = f"{app}/service.jar:{app}/lib/*"
    java: list[str | Path] = [peers.provision(BUILT[0]), "-XX:TieredStopAtLevel=1", "-cp", jars]
    with ExitStack() as running:
        yield {
            name: running.enter_context(answerers.piped(name, [*java, "statements.Pipe", name], {"LANG": "C.UTF-8"}))
            for name in CORES
        }


LONG_NUMBER = re.compile(rb"[0-9]{4301}")  # malformed to Jackson, integer or not


def all_right(cores: dict[str, Answerer], document: bytes) -> bool:
    """Return True if all agree with the reference core."""
    expected = answerers.reference(document)
    right = [expected, ("malformed",)] if expected[0] == "invalid" and LONG_NUMBER.search(document) else [expected]
    return all(core(document) in right for core in cores.values())


def test_each_peer_runs_one_of_the_cores() -> None:
    assert {peer.env["STATEMENTS_CORE"] for peer in BUILT} == set(CORES)


@pytest.mark.parametrize("path", [*GOLDEN, *FOUND], ids=lambda path: path.stem)
def test_documents_that_a_core_once_answered_wrong(cores: dict[str, Answerer], path: Path) -> None:
    assert all_right(cores, path.read_bytes())


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_all_agree_with_the_reference_core(cores: dict[str, Answerer], documents: list[bytes]) -> None:
    for document in documents:
        assert all_right(cores, document)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_all_enforce_the_limit_of_amounts(cores: dict[str, Answerer], over: int) -> None:
    assert all_right(cores, strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over)))


def test_all_accept_the_largest_document_and_still_work_after_it(cores: dict[str, Answerer]) -> None:
    largest, least = strategies.plain(strategies.at_every_limit()), b'{"batch":"b","currency":"EUR","orders":[]}'
    assert all(all_right(cores, document) for document in (least, largest, least))

"""Every peer against the reference, on documents of all kinds: the freedoms of the spec, and no more."""

from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import catalog, readiness, verify
from bench.host.pinning import cores
from bench.model import Hole, Stack
from bench.serve import life_cycle
from tests import strategies
from tests.contract import answerers
from tests.contract.conftest import missing

# One of each core; those in Java are asked through a pipe, in test_spring.py.
WITHOUT_PIPE = {peer.kind: peer.name for peer in reversed(catalog.peers().values()) if peer.language != "Java"}.values()


@pytest.fixture(scope="module", params=WITHOUT_PIPE)
def peer(
    request: pytest.FixtureRequest,
    prepared: tuple[readiness.Built, list[Hole]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[HTTPConnection]:
    """A connection to each of them in turn."""
    artifacts, holes = prepared
    if request.param not in artifacts:
        missing(holes, request.param)
    log = tmp_path_factory.mktemp("peer") / "log"
    with life_cycle.serving(Stack(variant=request.param), life_cycle.HELLO, log, cores().server) as running:
        connection = HTTPConnection(running.host, running.port, timeout=30)
        yield connection
        connection.close()


def is_right(peer: HTTPConnection, document: bytes) -> bool:
    """Whether the peer says what the reference says, or what a peer may say instead."""
    peer.request("POST", "/statements", document, {"Content-Type": "application/json"})
    response = peer.getresponse()
    status, body = response.status, response.read()
    kind, *news = answerers.reference(document)
    return (status, body) == (200, news[0]) if kind == "ok" else verify.is_free(document, status, body)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_says_what_the_reference_says(peer: HTTPConnection, documents: list[bytes]) -> None:
    for document in documents:
        assert is_right(peer, document), document


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_keeps_the_limit_of_amounts(peer: HTTPConnection, over: int) -> None:
    assert is_right(peer, strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over)))


def test_takes_all_that_may_be(peer: HTTPConnection) -> None:
    assert is_right(peer, strategies.plain(strategies.at_every_limit()))

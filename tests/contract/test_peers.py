"""Every peer against the reference, on documents of all kinds: the freedoms of the spec, and no more."""

from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import readiness, verify
from bench.host.pinning import cores
from bench.model import Stack, Unavailable
from bench.serve import life_cycle
from tests import strategies
from tests.contract import answerers
from tests.contract.conftest import missing
from tests.declared import CATALOG

# One of each core; those in Java are asked through a pipe, in test_spring.py.
WITHOUT_PIPE = {peer.kind: peer.name for peer in reversed(CATALOG.peers.values()) if peer.language != "Java"}.values()


@pytest.fixture(scope="module")
def peers(
    prepared: tuple[readiness.Built, list[Unavailable]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, HTTPConnection]]:
    """A connection to each of them."""
    artifacts, unavailable = prepared
    with ExitStack() as until_asked:
        connections = {}
        for name in WITHOUT_PIPE:
            if name not in artifacts:
                missing(unavailable, name)
            stack, log = Stack(variant=name), tmp_path_factory.mktemp("peer") / "log"
            serving = life_cycle.serving(CATALOG, stack, life_cycle.HELLO, log, cores().server)
            running = until_asked.enter_context(serving)
            connections[name] = HTTPConnection(running.host, running.port, timeout=30)
            until_asked.callback(connections[name].close)
        yield connections


def who_is_wrong(peers: dict[str, HTTPConnection], document: bytes) -> list[str]:
    """The peers that say neither what the reference says nor what a peer may say instead."""
    return [name for name, peer in peers.items() if not _is_right(peer, document)]


def _is_right(peer: HTTPConnection, document: bytes) -> bool:
    peer.request("POST", "/statements", document, {"Content-Type": "application/json"})
    response = peer.getresponse()
    status, body = response.status, response.read()
    kind, *news = answerers.reference(document)
    return (status, body) == (200, news[0]) if kind == "ok" else verify.is_free(document, status, body)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_they_say_what_the_reference_says(peers: dict[str, HTTPConnection], documents: list[bytes]) -> None:
    for document in documents:
        assert who_is_wrong(peers, document) == [], document


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_they_keep_the_limit_of_amounts(peers: dict[str, HTTPConnection], over: int) -> None:
    assert who_is_wrong(peers, strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over))) == []


def test_they_take_all_that_may_be(peers: dict[str, HTTPConnection]) -> None:
    assert who_is_wrong(peers, strategies.plain(strategies.at_every_limit())) == []

"""Every peer against the reference core, on documents of all kinds: it may differ only as the spec allows."""

from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import verify
from bench.host.pinning import cores
from bench.model import Stack, Unavailable
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests import strategies
from tests.contract import answerers
from tests.contract.conftest import missing
from tests.declared import CATALOG

# One peer per core; test_spring.py covers those in Java through a pipe.
WITHOUT_PIPE = {peer.kind: peer.name for peer in reversed(CATALOG.peers.values()) if peer.language != "Java"}.values()


@pytest.fixture(scope="module")
def peers(
    prepared: tuple[building.Built, list[Unavailable]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, HTTPConnection]]:
    """A connection to each peer."""
    artifacts, unavailable = prepared
    with ExitStack() as until_asked:
        connections = {}
        for name in WITHOUT_PIPE:
            if name not in artifacts:
                missing(unavailable, name)
            stack, log = Stack(variant=name), tmp_path_factory.mktemp("peer") / "log"
            serving = life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server)
            running = until_asked.enter_context(serving)
            connections[name] = HTTPConnection(running.host, running.port, timeout=30)
            until_asked.callback(connections[name].close)
        yield connections


def wrong_peers(peers: dict[str, HTTPConnection], document: bytes) -> list[str]:
    """The peers whose answer is neither the reference core's nor one that the spec allows."""
    return [name for name, peer in peers.items() if not _is_right(peer, document)]


def _is_right(peer: HTTPConnection, document: bytes) -> bool:
    peer.request("POST", "/statements", document, {"Content-Type": "application/json"})
    response = peer.getresponse()
    status, body = response.status, response.read()
    kind, *news = answerers.reference(document)
    return (status, body) == (200, news[0]) if kind == "ok" else verify.is_free(document, status, body)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(strategies.documents, min_size=1, max_size=6))
def test_peers_agree_with_the_reference_core(peers: dict[str, HTTPConnection], documents: list[bytes]) -> None:
    for document in documents:
        assert wrong_peers(peers, document) == [], document


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_peers_enforce_the_limit_of_amounts(peers: dict[str, HTTPConnection], over: int) -> None:
    assert wrong_peers(peers, strategies.plain(strategies.with_amounts(strategies.MAX_INTEGER + over))) == []


def test_peers_accept_the_largest_document(peers: dict[str, HTTPConnection]) -> None:
    assert wrong_peers(peers, strategies.plain(strategies.at_every_limit())) == []

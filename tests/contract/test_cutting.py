"""Each message arrives once, although the network is cut; and controls, which lose or double one without its measure.

A control that lost or doubled nothing would show that the tests could not fail.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.jetstream import publish
from app.nats import Address, published
from app.nats_blocking import Connection
from app.work import EVENTS, MADE, QUEUE, Work, new_id, queued
from tests.asking import CLIENTS, Asking
from tests.contract.broker import Broker, broker
from tests.contract.network import Cut, Cutting
from tests.listeners import serving

CUTS: list[Cut] = ["before", "after"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    """A broker with the streams of the service."""
    with broker(tmp_path / "broker") as started:
        started.make_streams()
        yield started


@pytest.fixture(params=CLIENTS.values(), ids=list(CLIENTS))
def asking(request: pytest.FixtureRequest) -> type[Asking]:
    """Each client."""
    client: type[Asking] = request.param
    return client


@pytest.mark.parametrize("cut", CUTS)
def test_a_document_is_queued_once(running: Broker, asking: type[Asking], cut: Cut) -> None:
    with serving(Cutting(running.port, cut)) as network:
        client = asking(network.url)
        submitted = client.run(Work().submit(b"document", "me"))
        kept = client.run(Work().pending(submitted))
        client.close()
    assert network.is_cut
    assert kept is not None
    assert kept.payload == b"document"
    assert running.state(QUEUE)["messages"] == 1


@pytest.mark.parametrize("cut", CUTS)
def test_an_event_is_published_once(running: Broker, asking: type[Asking], cut: Cut) -> None:
    with serving(Cutting(running.port, cut)) as network:
        client = asking(network.url)
        client.run(Work().announce(new_id(), None))
        client.close()
    assert network.is_cut
    assert running.state(EVENTS)["messages"] == 1


def test_control_without_an_id_a_document_is_doubled(running: Broker, asking: type[Asking]) -> None:
    with serving(Cutting(running.port, "after")) as network:
        client = asking(network.url)
        client.run(publish(queued(new_id()), b"document", {}))
        client.close()
    assert network.is_cut
    assert running.state(QUEUE)["messages"] == 2


def test_control_without_waiting_for_the_acknowledgement_an_event_is_lost(running: Broker) -> None:
    with serving(Cutting(running.port, "before")) as network:
        deadline = time.monotonic() + 5
        connection = Connection(Address.of(network.url), deadline)
        connection.send(published(MADE, b"{}"), deadline)  # sent without an error
        connection.socket.recv(1)  # returns once the connection is cut
        connection.close()
    assert network.is_cut
    assert running.state(EVENTS)["messages"] == 0

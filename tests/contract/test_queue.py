"""How a real broker gives out documents: one at a time for each batch, and again if one is not acknowledged."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import consumer
from app.consumer import DELIVERED, Consumer
from app.core import transform
from app.jetstream import DONE, ask, deliveries
from app.nats import Address, Client, Connection, Message, published
from app.work import PARTITIONS, QUEUE, Work
from tests.contract.broker import Broker, broker

ONE, TWO, OTHER = b'{"batch":"a","orders":1}', b'{"batch":"a","orders":2}', b'{"batch":"b"}'
INBOX = "_INBOX.test"
REDELIVERY_SECONDS = 3.0
QUIET_SECONDS = 0.5
PATIENCE_SECONDS = 20.0


class Puller:
    """A process's connection that has asked each partition for a document."""

    def __init__(self, running: Broker, name: str) -> None:
        self.inbox = f"{INBOX}.{name}"
        self.connection = Connection(Address.of(running.url), soon())
        self.connection.subscribe(f"{self.inbox}.*", DELIVERED, soon())
        for partition in range(PARTITIONS):
            Consumer(running.url, transform)._pull(self.connection, self.inbox, partition)

    def documents(self, count: int) -> list[Message]:
        """The next documents that it gets."""
        found: list[Message] = []
        while len(found) < count:
            message = self.connection.receive(time.monotonic() + PATIENCE_SECONDS)
            found += [] if message.status else [message]
        return found

    def gets_none(self) -> bool:
        """Whether it gets no document for a while."""
        try:
            return bool(self.connection.receive(time.monotonic() + QUIET_SECONDS).status)
        except TimeoutError:
            return True


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker with the service's streams and consumers, and three documents."""
    monkeypatch.setattr(consumer, "REDELIVERY_SECONDS", REDELIVERY_SECONDS)
    with broker(tmp_path / "broker") as started:
        client = Client(started.url)
        for document in (ONE, TWO, OTHER):
            Work(client).submit(document, None)
        for partition in range(PARTITIONS):
            request = consumer.consumer_of(partition)
            ask(client, f"CONSUMER.CREATE.{QUEUE}.{request['config']['name']}", request)
        client.close()
        yield started


def test_documents_of_a_batch_are_given_out_one_at_a_time(running: Broker) -> None:
    first = Puller(running, "first")
    given = first.documents(2)
    assert sorted(message.payload for message in given) == [ONE, OTHER]
    second = Puller(running, "second")
    assert second.gets_none()
    (one,) = [message for message in given if message.payload == ONE]
    first.connection.send(published(one.reply, DONE), soon())
    assert [message.payload for message in second.documents(1)] == [TWO]


def test_a_document_that_is_not_acknowledged_is_given_out_again(running: Broker) -> None:
    first = Puller(running, "first")
    assert {deliveries(message) for message in first.documents(2)} == {1}
    first.connection.close()
    again = Puller(running, "second").documents(2)
    assert sorted((message.payload, deliveries(message)) for message in again) == [(ONE, 2), (OTHER, 2)]


def test_a_document_that_is_acknowledged_is_gone(running: Broker) -> None:
    first = Puller(running, "first")
    for message in first.documents(2):
        first.connection.send(published(message.reply, DONE), soon())
    first.connection.flush(soon())
    assert running.state(QUEUE)["messages"] == 1

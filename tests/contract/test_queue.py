"""How a real broker gives out documents: one at a time for each batch and to each process, and again after a failure.

Consumers run in threads of this process, with a transform that is as slow, or ends as badly, as the test says.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app import consumer, work
from app.consumer import Consumer
from app.jetstream import DONE, ask, deliveries
from app.nats import Address, Message, NoBroker
from app.nats_blocking import Client, Connection
from app.pulling import Puller
from app.work import PARTITIONS, QUEUE, Outcome, Work, new_id
from tests.contract.broker import Broker, broker

ONE, TWO, OTHER = b'{"batch":"a","orders":1}', b'{"batch":"a","orders":2}', b'{"batch":"b"}'
REDELIVERY_SECONDS = 3.0
QUIET_SECONDS = 0.5
PATIENCE_SECONDS = 20.0
SMALL_BYTES = 10_000
SLOW_SECONDS = 0.6  # as eight of them take longer than until the broker gives out a document again


class Process:
    """What a process takes documents with."""

    def __init__(self, running: Broker) -> None:
        self.connection = Connection(Address.of(running.url), soon())
        self.puller = Puller(self.connection, range(PARTITIONS))

    def documents(self, count: int) -> list[Message]:
        """The next documents that it gets, although it has answered none."""
        found: list[Message] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found) < count:
            assert time.monotonic() < deadline, found
            found += [message] if (message := self.puller.next()) else []
        return found

    def gets_none(self) -> bool:
        """Whether it gets no document for a while."""
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            if self.puller.next():
                return False
        return True


class Recording(Consumer):
    """Records which documents it gets, and how often each was given out."""

    def __init__(self, running: Broker, transform: Callable[[bytes], bytes]) -> None:
        super().__init__(running.url, transform)
        self.got: list[tuple[bytes, int]] = []

    def is_stored(self, message: Message, puller: Puller) -> bool:
        self.got.append((message.payload, deliveries(message)))
        return super().is_stored(message, puller)


class Killed(BaseException):
    """Ends a consumer in the middle of a document, and its connection with it."""


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker with the service's streams and consumers."""
    monkeypatch.setattr(consumer, "REDELIVERY_SECONDS", REDELIVERY_SECONDS)
    with broker(tmp_path / "broker") as started:
        started.make_streams()
        client = Client(started.url)
        for partition in range(PARTITIONS):
            request = consumer.consumer_of(partition)
            client.run(ask(f"CONSUMER.CREATE.{QUEUE}.{request['config']['name']}", request))
        client.close()
        yield started


def submitted(running: Broker, *documents: bytes) -> list[str]:
    """The ids of documents that are put on the queue."""
    client = Client(running.url)
    ids = [client.run(Work().submit(document, None)) for document in documents]
    client.close()
    return ids


@pytest.fixture
def running(empty: Broker) -> Broker:
    """The broker with three documents."""
    submitted(empty, ONE, TWO, OTHER)
    return empty


def test_documents_of_a_batch_are_given_out_one_at_a_time(running: Broker) -> None:
    first = Process(running)
    given = first.documents(2)
    assert sorted(message.payload for message in given) == [ONE, OTHER]
    second = Process(running)
    assert second.gets_none()
    (one,) = [message for message in given if message.payload == ONE]
    first.puller.answer(one, DONE)
    assert [message.payload for message in second.documents(1)] == [TWO]


def test_a_document_that_is_not_acknowledged_is_given_out_again(running: Broker) -> None:
    first = Process(running)
    assert {deliveries(message) for message in first.documents(2)} == {1}
    first.connection.close()
    again = Process(running).documents(2)
    assert sorted((message.payload, deliveries(message)) for message in again) == [(ONE, 2), (OTHER, 2)]


def test_a_document_that_is_acknowledged_is_gone(running: Broker) -> None:
    first = Process(running)
    for message in first.documents(2):
        first.puller.answer(message, DONE)
    first.puller.end()
    assert running.state(QUEUE)["messages"] == 1


def test_a_document_that_ends_its_process_takes_no_others_with_it(empty: Broker) -> None:
    """Those that had been given out with it would have the result 500 after five such ends."""
    ids = dict(zip((ONE, TWO, OTHER), submitted(empty, ONE, TWO, OTHER), strict=True))
    got: list[tuple[bytes, int]] = []

    def transform(document: bytes) -> bytes:
        if document == OTHER:
            raise Killed
        if {ONE, TWO} <= {payload for payload, _ in process.got + got}:
            process.stop()
        return b"{}"

    while not {ONE, TWO} <= {payload for payload, _ in got}:
        process = Recording(empty, transform)
        with suppress(Killed):
            process.run()
        got += process.got
    assert [each for each in got if each[0] != OTHER] == [(ONE, 1), (TWO, 1)]
    client = Client(empty.url)
    outcomes = [client.run(Work().outcome(ids[document])) for document in (ONE, TWO)]
    client.close()
    assert outcomes == [Outcome("200 OK", b"{}", None)] * 2


def test_a_consumer_that_stops_leaves_the_others_at_once(running: Broker) -> None:
    """None has been given out to it."""
    process = Recording(running, lambda document: process.stop() or document)  # type: ignore[func-returns-value]
    process.run()
    assert len(process.got) == 1
    assert running.state(QUEUE)["messages"] == 2
    remaining = Process(running)
    ((done, _),) = process.got
    given = remaining.documents(1 if done == OTHER else 2)
    assert {deliveries(message) for message in given} == {1}


def test_the_oldest_results_give_way_and_the_queue_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STREAMS", [{**stream, "max_bytes": SMALL_BYTES} for stream in work.STREAMS])
    outcome = Outcome("200 OK", b"x" * (SMALL_BYTES // 10), None)
    ids = [f"{number:032x}" for number in range(20)]
    with broker(tmp_path / "broker") as started:
        client = Client(started.url)
        full = Work()
        for id_ in ids:
            client.run(full.keep(id_, outcome))
        assert [client.run(full.outcome(ids[place])) for place in (0, -1)] == [None, outcome]
        with pytest.raises(NoBroker, match="maximum bytes exceeded"):
            [client.run(full.submit(outcome.body, None)) for _ in ids]
        client.close()


def of_each_partition() -> list[bytes]:
    """A document of each partition."""
    documents = (b'{"batch":"%d"}' % number for number in range(100))
    return list({new_id(document)[0]: document for document in documents}.values())


def test_busy_consumers_compute_each_document_once(empty: Broker) -> None:
    """Each computes one, and the broker keeps the others, for longer than until it gives a document out again."""

    def transform(document: bytes) -> bytes:
        time.sleep(SLOW_SECONDS)
        return document

    submitted(empty, *of_each_partition())
    processes = [Recording(empty, transform) for _ in range(2)]
    threads = [threading.Thread(target=each.run) for each in processes]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while empty.state(QUEUE)["messages"] and time.monotonic() < deadline:
        time.sleep(0.2)
    for process, thread in zip(processes, threads, strict=True):
        process.stop()
        thread.join()
    got = [each for process in processes for each in process.got]
    assert Counter(got) == Counter((document, 1) for document in of_each_partition())
    assert all(process.got for process in processes), "both take documents"

"""How documents are taken from all partitions: none is asked for while another one is computed."""

import json
import time
from typing import Any

import pytest

from app import pulling
from app.jetstream import DONE
from app.nats import Message, NoBroker
from app.pulling import DELIVERED, HAS_DOCUMENT, PULL, WATCH, Puller


class Connection:
    """A connection that records what is sent, and receives what it was given; then nothing in time.

    Time does not pass meanwhile unless it `waits`.
    """

    def __init__(self) -> None:
        self.waits = False
        self.sent: list[bytes] = []
        self.coming: list[Message] = []
        self.is_flushed = False

    def subscribe(self, subject: str, _subscription: str, _deadline: float) -> None:
        self.inbox = subject.removesuffix(".*.*")

    def send(self, data: bytes, _deadline: float) -> None:
        self.sent.append(data)

    def receive(self, deadline: float) -> Message:
        if not self.coming:
            time.sleep(max(0.0, deadline - time.monotonic()) if self.waits else 0.0)
            raise TimeoutError
        return self.coming.pop(0)

    def flush(self, _deadline: float) -> None:
        self.is_flushed = True

    def told(self) -> list[tuple[str, str]]:
        """What was sent since the last call: a request with its partition, or an answer with its subject."""
        found = []
        for data in self.sent:
            _, subject, *rest = data.partition(b"\r\n")[0].decode().split()
            kind, partition = rest[0].removeprefix(self.inbox).split(".")[1:] if len(rest) == 2 else ("", "")
            found.append((kind, partition) if kind else (data.split(b"\r\n")[1].decode(), subject))
        self.sent.clear()
        return found

    def comes(self, status: str, kind: str, partition: int) -> None:
        """The broker will say something of a request."""
        self.coming.append(Message(f"{self.inbox}.{kind}.{partition}", DELIVERED, "", status, {}, b""))

    def document(self, partition: int, further: int = 0) -> Message:
        """The broker will give out a document."""
        reply = f"$JS.ACK.STATEMENTS_WORK.partition-{partition}.1.3.3.1795872611309045248.{further}"
        self.coming.append(Message(f"statements.work.{partition}.id", DELIVERED, reply, "", {}, b"{}"))
        return self.coming[-1]


@pytest.fixture
def broker() -> Connection:
    return Connection()


@pytest.fixture
def puller(broker: Connection) -> Any:
    """Takes documents of partitions 5 and 6."""
    return Puller(broker, (5, 6))  # type: ignore[arg-type]


def test_partitions_are_watched_by_requests_that_no_document_fits(broker: Connection, puller: Puller) -> None:
    requests = [json.loads(data.split(b"\r\n")[1]) for data in broker.sent]
    assert [each["max_bytes"] for each in requests] == [1, 1]
    assert all(each["expires"] > 2 * each["idle_heartbeat"] for each in requests), "the broker refuses others"
    assert broker.told() == [(WATCH, "5"), (WATCH, "6")]
    assert puller.next() is None
    assert broker.told() == []


def test_one_document_is_asked_for_and_the_next_one_when_it_is_done(broker: Connection, puller: Puller) -> None:
    broker.told()
    for partition in (5, 6):
        broker.comes(HAS_DOCUMENT, WATCH, partition)
        assert puller.next() is None
    ((kind, first),) = broker.told()
    assert kind == PULL
    assert puller.next() is None
    given = broker.document(int(first))
    assert puller.next() is given
    assert broker.told() == [(WATCH, first)], "nothing is asked for while it is computed"
    puller.answer(given, DONE)
    puller.next()
    assert broker.told() == [("+ACK", given.reply), (PULL, str(11 - int(first)))]


def test_a_partition_with_further_documents_is_asked_again(broker: Connection, puller: Puller) -> None:
    broker.comes(HAS_DOCUMENT, WATCH, 5)
    puller.next()
    given = broker.document(5, further=2)
    assert puller.next() is given
    broker.told()
    puller.next()
    assert broker.told() == [(PULL, "5")]


def test_a_document_that_another_process_has_taken_is_waited_for_no_longer(broker: Connection, puller: Puller) -> None:
    for partition in (5, 6):
        broker.comes(HAS_DOCUMENT, WATCH, partition)
        puller.next()
    first = next(partition for kind, partition in broker.told() if kind == PULL)
    broker.comes("408 Request Timeout", PULL, int(first))
    puller.next()
    puller.next()
    assert broker.told() == [(WATCH, first), (PULL, str(11 - int(first)))]


def test_a_partition_is_watched_for_ever(broker: Connection, puller: Puller) -> None:
    broker.told()
    broker.comes("100 Idle Heartbeat", WATCH, 5)
    broker.comes("408 Request Timeout", WATCH, 5)
    for _ in range(3):
        assert puller.next() is None
    assert broker.told() == [(WATCH, "5")]


@pytest.mark.parametrize("status", ["409 Consumer Deleted", "409 Server Shutdown", "503"])
def test_a_consumer_that_the_broker_does_not_know_is_an_error(broker: Connection, puller: Puller, status: str) -> None:
    broker.comes(status, WATCH, 5)
    with pytest.raises(NoBroker, match=status):
        puller.next()


def test_a_broker_that_is_silent_is_an_error(broker: Connection, puller: Puller) -> None:
    times = int(pulling.SILENCE_SECONDS / pulling.POLL_SECONDS)
    for _ in range(2):  # a heartbeat ends the silence
        assert [puller.next() for _ in range(times)] == [None] * times
        broker.comes("100 Idle Heartbeat", WATCH, 5)
        puller.next()
    for _ in range(times):
        puller.next()
    with pytest.raises(TimeoutError):
        puller.next()


def test_a_request_without_an_answer_is_an_error(
    broker: Connection, puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is heard, but may have forgotten it."""
    monkeypatch.setattr(pulling, "SILENCE_SECONDS", 0.0)
    broker.comes(HAS_DOCUMENT, WATCH, 5)
    broker.comes("100 Idle Heartbeat", WATCH, 6)
    puller.next()
    puller.next()
    with pytest.raises(TimeoutError):
        puller.next()


def test_at_the_end_a_document_that_was_asked_for_is_given_back(broker: Connection, puller: Puller) -> None:
    broker.comes(HAS_DOCUMENT, WATCH, 5)
    puller.next()
    puller.next()
    broker.told()
    broker.comes(HAS_DOCUMENT, WATCH, 6)
    given = broker.document(5, further=1)
    puller.end()
    assert broker.told() == [("-NAK", given.reply)]
    assert broker.is_flushed


def test_at_the_end_nothing_is_asked_for(broker: Connection, puller: Puller) -> None:
    broker.comes(HAS_DOCUMENT, WATCH, 5)
    puller.next()
    broker.told()
    puller.end()
    assert broker.told() == []
    assert broker.is_flushed


def test_a_document_is_held_while_the_broker_is_heard(broker: Connection, puller: Puller) -> None:
    broker.told()
    given = broker.document(5)
    broker.coming.clear()
    broker.comes("408 Request Timeout", WATCH, 6)
    broker.waits = True
    puller.hold(given, 0.01)
    assert broker.told() == [("+WPI", given.reply), (WATCH, "6")]

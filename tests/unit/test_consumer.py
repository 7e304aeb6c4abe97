"""What a consumer does with a document: its outcome, the order of its steps, and its end."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app import consumer
from app.consumer import Consumer, computed
from app.core import transform
from app.nats import Message, NoBroker, TooLarge
from app.work import Outcome

ID = "3" + "0" * 31
DOCUMENT = b'{"batch":"b","currency":"EUR","orders":[]}'


def queued(document: bytes = DOCUMENT, deliveries: int = 1, **headers: str) -> Message:
    reply = f"$JS.ACK.STATEMENTS_WORK.partition-3.{deliveries}.3.3.1795872611309045248.0"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(f"statements.work.3.{ID}", consumer.DELIVERED, reply, "", named, document)


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been logged yet."""
    monkeypatch.setattr(consumer.LOG.filters[0], "next", 0.0)


def fails(_document: bytes) -> bytes:
    raise ZeroDivisionError


def test_the_outcome_is_what_a_synchronous_request_gets() -> None:
    assert computed(transform, queued(Statements_By="me")) == Outcome("200 OK", transform(DOCUMENT), "me")
    invalid = computed(transform, queued(b"{}"))
    assert (invalid.status, json.loads(invalid.body)["pointer"]) == ("422 Unprocessable Content", "/batch")
    assert computed(transform, queued(b"{")).status == "400 Bad Request"


def test_a_bug_of_the_core_is_an_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    assert computed(fails, queued()).status == "500 Internal Server Error"
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_document_that_ends_its_consumers_is_not_computed_for_ever() -> None:
    assert computed(transform, queued(deliveries=consumer.MAX_DELIVERIES)).status == "200 OK"
    assert computed(fails, queued(deliveries=consumer.MAX_DELIVERIES + 1)).status == "500 Internal Server Error"


class Steps:
    """Stands in for the broker: records the steps, each of which may raise an error first."""

    def __init__(self, **errors: list[Exception]) -> None:
        self.errors = errors
        self.taken: list[str] = []
        self.kept: list[Outcome] = []

    def step(self, name: str) -> None:
        if self.errors.get(name):
            raise self.errors[name].pop(0)
        self.taken.append(name)

    def keep(self, id_: str, outcome: Outcome) -> None:
        assert id_ == ID
        self.step("keep")
        self.kept.append(outcome)

    def announce(self, id_: str, by: str | None) -> None:
        self.step("announce")


class Connection:
    """A connection that records what is sent, as steps, too."""

    def __init__(self, steps: Steps | None = None) -> None:
        self.sent: list[bytes] = []
        self.steps = steps or Steps()

    def send(self, data: bytes, _deadline: float) -> None:
        self.sent.append(data)
        self.steps.step("acknowledge" if data.endswith(b"+ACK\r\n") else "pull")


Run = Callable[..., Steps]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Finishes a document at a broker with these errors."""
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def finished(document: bytes = DOCUMENT, is_stopping: bool = False, **errors: list[Exception]) -> Steps:
        steps, made = Steps(**errors), Consumer("nats://127.0.0.1:1", transform)
        made.work = steps  # type: ignore[assignment]
        made.is_stopping = is_stopping
        made._take(Connection(steps), "_INBOX.me", queued(document))  # type: ignore[arg-type]
        return steps

    return finished


def test_the_result_is_stored_before_its_document_is_acknowledged(run: Run) -> None:
    assert run().taken == ["keep", "announce", "acknowledge", "pull"]


def test_a_problem_is_stored_and_is_no_event(run: Run) -> None:
    steps = run(b"{}")
    assert steps.taken == ["keep", "acknowledge", "pull"]
    assert steps.kept[0].status == "422 Unprocessable Content"


def test_while_the_broker_is_away_the_outcome_is_kept_and_stored_later(run: Run) -> None:
    steps = run(keep=[NoBroker(), NoBroker()], announce=[NoBroker()])
    assert steps.taken == ["keep", "keep", "announce", "acknowledge", "pull"]


def test_why_an_outcome_is_not_stored_is_logged_once_in_a_while(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run(keep=[NoBroker("insufficient resources"), NoBroker("insufficient resources")])
    assert caplog.messages == [f"statements/{ID} is not stored: insufficient resources"]


def test_why_a_consumer_does_not_begin_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = Consumer("nats://127.0.0.1:1", transform)
    monkeypatch.setattr(waiting.work, "prepare", lambda: waiting.client._connected(time.monotonic() + 5))
    monkeypatch.setattr(time, "sleep", waiting.stop)
    waiting.run()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the broker: ConnectionRefusedError: ")


def test_an_answer_that_is_too_large_becomes_a_problem(run: Run) -> None:
    (outcome,) = run(keep=[TooLarge(10)]).kept
    assert outcome.status == "413 Content Too Large"
    assert json.loads(outcome.body)["detail"].endswith("the broker takes 10")


def test_a_consumer_that_stops_leaves_its_document_to_others_if_the_broker_is_away(run: Run) -> None:
    assert run(is_stopping=True, keep=[NoBroker()]).taken == []


@pytest.mark.parametrize(
    ("status", "pulls"), [("100 Idle Heartbeat", 0), ("408 Request Timeout", 1), ("404 No Messages", 1)]
)
def test_a_request_that_expires_is_made_anew(status: str, pulls: int) -> None:
    connection: Any = Connection()
    message = Message("_INBOX.me.5", consumer.DELIVERED, "", status, {}, b"")
    Consumer("nats://127.0.0.1:1", transform)._take(connection, "_INBOX.me", message)
    assert [sent.split()[1:3] for sent in connection.sent] == [
        [b"$JS.API.CONSUMER.MSG.NEXT.STATEMENTS_WORK.partition-5", b"_INBOX.me.5"]
    ] * pulls


@pytest.mark.parametrize("status", ["409 Consumer Deleted", "503"])
def test_a_consumer_that_the_broker_does_not_know_is_made_anew(status: str) -> None:
    """`run` begins again after the error."""
    message = Message("_INBOX.me.5", consumer.DELIVERED, "", status, {}, b"")
    with pytest.raises(NoBroker, match=status):
        Consumer("nats://127.0.0.1:1", transform)._take(Connection(), "_INBOX.me", message)  # type: ignore[arg-type]


def test_a_partition_gives_out_one_document_at_a_time() -> None:
    assert consumer.consumer_of(3)["config"]["max_ack_pending"] == 1
    assert consumer.consumer_of(3)["config"]["filter_subject"] == "statements.work.3.*"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "consumer: STATEMENTS_BROKER is not set, such as to nats://127.0.0.1:4222"),
        ("tls://broker", "consumer: STATEMENTS_BROKER: "),
    ],
)
def test_a_consumer_without_an_address_says_which_variable_it_needs(
    monkeypatch: pytest.MonkeyPatch, url: str, told: str
) -> None:
    monkeypatch.setenv("STATEMENTS_BROKER", url)
    monkeypatch.setattr(consumer, "built_core", lambda: SimpleNamespace(transform=transform))
    with pytest.raises(SystemExit, match=told):
        consumer.main()

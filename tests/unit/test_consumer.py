"""What a consumer does with a document: its outcome, the order of its steps, and its end."""

import json
import time
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace

import pytest

from app import consumer
from app.consumer import Consumer, computed
from app.core import transform
from app.jetstream import BACK, DONE
from app.nats import Dialogue, Message, NoBroker, TooLarge
from app.pulling import DELIVERED
from app.tracing import TRACE, Trace
from app.work import Outcome

ID = "3" + "0" * 31
DOCUMENT = b'{"batch":"b","currency":"EUR","orders":[]}'


def queued(document: bytes = DOCUMENT, deliveries: int = 1, **headers: str) -> Message:
    reply = f"$JS.ACK.STATEMENTS_WORK.partition-3.{deliveries}.3.3.1795872611309045248.0"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(f"statements.work.3.{ID}", DELIVERED, reply, "", named, document)


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

    def keep(self, id_: str, outcome: Outcome) -> Dialogue[None]:
        yield from ()
        assert id_ == ID
        self.step("keep")
        self.kept.append(outcome)

    def announce(self, id_: str, by: str | None) -> Dialogue[None]:
        yield from ()
        self.step("announce")


class Puller:
    """What gives out a document, and records what becomes of it, as steps, too."""

    def __init__(self, steps: Steps, message: Message | None) -> None:
        self.steps = steps
        self.message = message

    def next(self) -> Message | None:
        return self.message

    def answer(self, message: Message, word: bytes) -> None:
        assert message is self.message
        self.steps.step({DONE: "acknowledge", BACK: "give back"}[word])

    def hold(self, message: Message, _seconds: float) -> None:
        assert message is self.message
        self.steps.step("hold")


Run = Callable[..., Steps]


@pytest.fixture
def run() -> Run:
    """Finishes a document at a broker with these errors."""

    def finished(document: bytes = DOCUMENT, is_stopping: bool = False, **errors: list[Exception]) -> Steps:
        steps, made = Steps(**errors), Consumer("nats://127.0.0.1:1", transform)
        made.work = steps  # type: ignore[assignment]
        made.is_stopping = is_stopping
        made._take(Puller(steps, queued(document)))  # type: ignore[arg-type]
        return steps

    return finished


def test_the_result_is_stored_before_its_document_is_acknowledged(run: Run) -> None:
    assert run().taken == ["keep", "announce", "acknowledge"]


def test_each_document_is_of_its_own_trace() -> None:
    seen: list[Trace | None] = []
    made = Consumer("nats://127.0.0.1:1", lambda document: seen.append(TRACE.get()) or document)  # type: ignore[func-returns-value]
    made.work = Steps()  # type: ignore[assignment]
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    context = copy_context()
    for headers in ({"traceparent": parent, "tracestate": "a=1"}, {}, {"traceparent": "wrong"}):
        context.run(made._take, Puller(Steps(), queued(**headers)))  # type: ignore[arg-type]
    first, *others = seen
    assert (first.id, first.caller, first.state) == ("1" * 32, "2" * 16, "a=1")
    assert others == [None, None]


def test_a_problem_is_stored_and_is_no_event(run: Run) -> None:
    steps = run(b"{}")
    assert steps.taken == ["keep", "acknowledge"]
    assert steps.kept[0].status == "422 Unprocessable Content"


def test_while_the_broker_stores_nothing_the_document_is_held_and_stored_later(run: Run) -> None:
    """The broker gives out again what is neither held nor acknowledged; after five times its result would be 500."""
    steps = run(keep=[NoBroker(), NoBroker()], announce=[NoBroker()])
    assert steps.taken == ["hold", "hold", "keep", "hold", "keep", "announce", "acknowledge"]


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


def test_a_consumer_that_stops_gives_its_document_back_if_the_broker_stores_nothing(run: Run) -> None:
    assert run(is_stopping=True, keep=[NoBroker()]).taken == ["give back"]


def test_without_a_document_there_is_nothing_to_do() -> None:
    steps = Steps()
    Consumer("nats://127.0.0.1:1", transform)._take(Puller(steps, None))  # type: ignore[arg-type]
    assert steps.taken == []


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

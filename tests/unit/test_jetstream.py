"""JetStream's answers, as a real broker gave them, and what the service keeps in its streams."""

import json

import pytest

from app import jetstream, work
from app.jetstream import NoStream
from app.nats import Message, NoBroker, Request
from app.nats_blocking import Client
from app.work import Outcome, Work

Answer = tuple[str, dict[str, str], bytes]

NONE: Answer = ("503", {}, b"")
ACKNOWLEDGED: Answer = ("", {}, b'{"stream":"W","seq":3}')
DUPLICATE: Answer = ("", {}, b'{"stream":"W","seq":3,"duplicate": true}')
CONFLICT: Answer = (
    "",
    {},
    b'{"type":"io.nats.jetstream.api.v1.stream_create_response","error":{"code":400,"err_code":10058,'
    b'"description":"stream name already in use with a different configuration"}}',
)
CREATED: Answer = ("", {}, b'{"type":"io.nats.jetstream.api.v1.stream_create_response","did_create":true}')
MISSING: Answer = ("404 Message Not Found", {}, b"")


class Asked(Client):
    """A client that records requests and gives prepared answers."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__("nats://127.0.0.1:1")
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.deadlines: list[float] = []

    def request(self, request: Request, deadline: float) -> Message:
        self.deadlines.append(deadline)
        self.requests.append(request)
        return Message("_INBOX.1", "1", "", *self.answers.pop(0))

    @property
    def subjects(self) -> list[str]:
        return [request.subject for request in self.requests]


def prepared() -> Work:
    """The service's work, with streams that are known to be there."""
    ready = Work()
    ready.is_prepared = True
    return ready


@pytest.mark.parametrize("answer", [ACKNOWLEDGED, DUPLICATE])
def test_a_publish_returns_after_the_acknowledgement(answer: Answer) -> None:
    Asked(answer).run(jetstream.publish("a", b"x", {"Nats-Msg-Id": "1"}))


@pytest.mark.parametrize(
    ("answer", "error"),
    [(NONE, "no such stream"), (CONFLICT, "already in use"), (("", {}, b"{}"), "no acknowledgement"), (MISSING, "404")],
)
def test_any_other_answer_to_a_publish_is_an_error(answer: Answer, error: str) -> None:
    with pytest.raises(NoBroker, match=error):
        Asked(answer).run(jetstream.publish("a", b"x", {}))


def test_a_missing_message_differs_from_a_missing_stream() -> None:
    assert Asked(MISSING).run(jetstream.newest("S", "a")) is None
    with pytest.raises(NoStream):
        Asked(NONE).run(jetstream.newest("S", "a"))


@pytest.mark.parametrize(
    ("reply", "count", "further"),
    [
        ("$JS.ACK.W.p3.1.3.3.1795872611309045248.0", 1, 0),
        ("$JS.ACK.hub.acchash.W.p3.12.3.3.1795872611309045248.40.token", 12, 40),
    ],
)
def test_the_counts_of_deliveries_and_of_further_messages_are_in_the_reply_subject(
    reply: str, count: int, further: int
) -> None:
    message = Message("w.3.abc", "2", reply, "", {}, b"")
    assert (jetstream.deliveries(message), jetstream.further(message)) == (count, further)


STREAMS = [f"$JS.API.STREAM.CREATE.{name}" for name in (work.QUEUE, work.EVENTS, work.RESULTS)]


def test_the_streams_are_made_before_the_first_request_and_when_the_broker_has_lost_them() -> None:
    client = Asked(CREATED, CREATED, CREATED, ACKNOWLEDGED, NONE, CREATED, CREATED, CREATED, ACKNOWLEDGED)
    ready = Work()
    first, second = (client.run(ready.submit(b"document", "me")) for _ in range(2))
    document = f"statements.work.{second[0]}.{second}"
    assert client.subjects == [*STREAMS, f"statements.work.{first[0]}.{first}", document, *STREAMS, document]
    lost, stored = client.requests[4], client.requests[-1]
    assert lost == stored, "the id stays"
    assert stored[1:] == (b"document", {"Nats-Msg-Id": second, "Statements-By": "me"})


def test_all_requests_of_a_dialogue_have_one_deadline() -> None:
    """Those that make the streams, too, before the first one and again."""
    client = Asked(CREATED, CREATED, CREATED, NONE, CREATED, CREATED, CREATED, ACKNOWLEDGED)
    client.run(Work().submit(b"document", None))
    first, *others = client.deadlines
    assert others == [first] * 7


def test_a_stream_that_exists_with_another_configuration_is_an_error_for_every_request() -> None:
    client, ready = Asked(CREATED, CONFLICT, CREATED, CONFLICT), Work()
    for _ in range(2):
        with pytest.raises(NoBroker, match="different configuration"):
            client.run(ready.submit(b"", None))


@pytest.mark.parametrize("by", [None, "", "me", "Zoë\r\nNats-Msg-Id: 1", "\udcff"])
def test_an_outcome_is_kept_with_its_status_and_its_maker(by: str | None) -> None:
    client = Asked(ACKNOWLEDGED)
    client.run(prepared().keep("1" * 32, Outcome("200 OK", b"{}", by)))
    ((subject, payload, headers),) = client.requests
    assert subject == "$KV.statements." + "1" * 32
    assert headers is not None
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    kept = Asked(("", dict(headers), payload))
    assert kept.run(prepared().outcome("1" * 32)) == Outcome("200 OK", b"{}", by)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{", b'{"error":7}', b'{"error":{}}'])
def test_an_answer_that_is_none_of_jetstream_is_an_error_of_the_broker(payload: bytes) -> None:
    with pytest.raises(NoBroker, match=r"none of JetStream|no acknowledgement"):
        Asked(("", {}, payload)).run(jetstream.publish("a", b"x", {}))


def test_what_others_have_stored_is_no_outcome() -> None:
    assert Asked(("", {"KV-Operation": "DEL"}, b"")).run(prepared().outcome("1" * 32)) is None


def test_an_unknown_id_has_no_outcome() -> None:
    assert Asked(MISSING).run(prepared().outcome("1" * 32)) is None
    assert Asked(MISSING).run(prepared().pending("1" * 32)) is None


def test_an_event_has_the_id_of_its_statement() -> None:
    client = Asked(ACKNOWLEDGED)
    client.run(prepared().announce("1" * 32, None))
    ((subject, payload, headers),) = client.requests
    assert (subject, headers) == ("statements.made", {"Nats-Msg-Id": "1" * 32})
    assert json.loads(payload) == {"id": "1" * 32, "by": None}


def test_documents_of_a_batch_are_in_one_partition() -> None:
    compact, spaced, others = b'{"batch":"b-1","orders":[]}', b'{ "orders": [],\n "batch" : "b-1" }', range(100)
    assert {work.new_id(document)[0] for document in [compact, spaced] * 20} == {work.new_id(compact)[0]}
    assert len({work.new_id(b'{"batch":"%d"}' % number)[0] for number in others}) == work.PARTITIONS
    for document in (b"", b"{", b'{"batch":7}', compact):
        assert work.is_id(work.new_id(document))


@pytest.mark.parametrize("text", ["", "x" * 32, "8" + "0" * 31, "0" * 31, "0" * 33, "0" * 32 + "\n", "A" * 32])
def test_another_text_is_no_id(text: str) -> None:
    assert not work.is_id(text)


def test_ids_differ() -> None:
    assert len({work.new_id(b"") for _ in range(1000)}) == 1000

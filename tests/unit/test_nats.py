"""The clients of NATS, on bytes that a real broker sent, and against a broker that plays a script."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import nats
from app.deadline import connected
from app.nats import Address, Control, Dialogue, Message, NoBroker, Request, TooLarge, taken
from app.nats_blocking import Client, Connection
from bench.paths import ROOT
from tests.asking import CLIENTS, Asking
from tests.unit.fake_broker import GREETING, message, playing

CAPTURED = (ROOT / "tests" / "data" / "nats" / "session.bin").read_bytes()
ACKNOWLEDGED = message(b'{"stream":"S","seq":1}')

each_client = pytest.mark.parametrize("asking", CLIENTS.values(), ids=list(CLIENTS))


def parsed(*chunks: bytes) -> list[Message | Control]:
    """What is taken out of a buffer that gets the chunks one by one."""
    buffer, found = bytearray(), []
    for chunk in chunks:
        buffer += chunk
        while (one := taken(buffer)) is not None:
            found.append(one)
    assert not buffer
    return found


def test_every_message_and_line_of_a_session_is_read() -> None:
    found = parsed(CAPTURED)
    controls = [each.verb for each in found if isinstance(each, Control)]
    assert controls == ["INFO", "PONG", "INFO", "PING", "PONG", "-ERR"]
    messages = [each for each in found if isinstance(each, Message)]
    answers = {each.subject.removeprefix("_INBOX.A."): each for each in messages if each.subscription == "1"}
    assert (answers["1"].status, answers["1"].headers) == ("503", {"Nats-Subject": "nobody"})
    assert answers["3"].payload == b'{"stream":"W","seq":3,"duplicate": true}'
    assert (answers["6"].status, answers["6"].payload) == ("", b"two\r\nlines")
    assert answers["6"].headers["Statements-Status"] == "200 OK"
    assert (answers["7"].status, answers["7"].headers) == ("404 Message Not Found", {})
    assert answers["8"].payload == b""
    queued, *others = [each for each in messages if each.subscription == "2"]
    assert queued == Message(
        "w.3.abc", "2", "$JS.ACK.W.p3.1.3.3.1795872611309045248.0", "", {"Nats-Msg-Id": "captured"}, b"doc"
    )
    assert [each.status for each in others] == ["100 Idle Heartbeat", "100 Idle Heartbeat", "408 Request Timeout"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_it_does_not_matter_where_the_bytes_are_divided(size: int) -> None:
    chunks = [CAPTURED[start : start + size] for start in range(0, len(CAPTURED), size)]
    assert parsed(*chunks) == parsed(CAPTURED)


def test_a_message_without_headers_is_published_without_a_block_of_headers() -> None:
    assert nats.published("a.b", b"x\r\ny", "me") == b"PUB a.b me 4\r\nx\r\ny\r\n"
    block = b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n"
    assert nats.published("a", b"x", headers={"Nats-Msg-Id": "1"}) == b"HPUB a 28 29\r\n" + block + b"x\r\n"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("nats://broker", Address("broker", 4222, {})),
        ("nats://127.0.0.1:14222", Address("127.0.0.1", 14222, {})),
        ("nats://me:a%40b@[::1]:1", Address("::1", 1, {"user": "me", "pass": "a@b"})),
    ],
)
def test_an_address_is_read_from_its_url(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "127.0.0.1:4222", "tls://h", "http://h", "nats://", "nats://h/x", "nats://h:99999", "nats://h:0",
        "nats://me:secret@h:4222/", "tls://me:secret@h", "nats://me:secret/x@h", "nats://h:secret", "nats://secret[",
        "nats://secret\u2100.example",
    ],
)  # fmt: skip
def test_another_url_is_an_error_that_does_not_show_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it is no URL like nats://HOST:PORT$") as caught:
        Address.of(url)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_broker_that_requires_tls_does_not_get_the_password() -> None:
    with playing([], greeting=b'INFO {"max_payload":1000,"tls_required":true}\r\n') as broker:
        address = Address.of(broker.url.replace("//", "//me:secret@"))
        with pytest.raises(ConnectionAbortedError, match="requires TLS"):
            Connection(address, time.monotonic() + 5)
    assert broker.logins == []


@each_client
def test_requests_share_a_connection_and_log_in_once(asking: type[Asking]) -> None:
    with playing([message(b"one"), message(b"two")]) as broker:
        client = asking(broker.url.replace("//", "//me:secret@"))
        assert [client.request("a").payload, client.request("b", b"x").payload] == [b"one", b"two"]
        client.close()
    (login,) = broker.logins
    assert b'"user": "me", "pass": "secret"' in login


@each_client
def test_after_a_broken_connection_the_same_message_is_sent_again_with_its_id(asking: type[Asking]) -> None:
    with playing([None], [ACKNOWLEDGED]) as broker:
        client = asking(broker.url)
        client.request("a", b"document", {"Nats-Msg-Id": "7"})
        client.close()
    ends = [got.partition(b"\r\n")[2] for got in broker.got]
    assert ends == [b"NATS/1.0\r\nNats-Msg-Id: 7\r\n\r\ndocument\r\n"] * 2


@each_client
def test_an_idle_connection_that_the_broker_has_closed_is_made_anew(asking: type[Asking]) -> None:
    with playing([ACKNOWLEDGED + b"-ERR 'Stale Connection'\r\n", None], [ACKNOWLEDGED]) as broker:
        client = asking(broker.url)
        assert [client.request("a").payload for _ in range(2)] == [b'{"stream":"S","seq":1}'] * 2
        client.close()
    assert len(broker.logins) == 2


def send_until_broken(connection: Connection) -> None:
    deadline = time.monotonic() + 5
    while True:
        connection.send(nats.published("a", b""), deadline)


def test_a_broken_connection_raises_no_sigpipe() -> None:
    """uWSGI handles it, and the handler of its asyncio engine crashes outside of a request."""
    raised: list[int] = []
    before = signal.signal(signal.SIGPIPE, lambda number, _: raised.append(number))
    try:
        with playing([None]) as broker:
            connection = Connection(Address.of(broker.url), time.monotonic() + 5)
            connection.send(nats.published("a", b""), time.monotonic() + 5)
            assert connection.socket.recv(1) == b""
            with pytest.raises(BrokenPipeError):
                send_until_broken(connection)
            connection.close()
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert raised == []


@each_client
def test_pings_are_answered_and_late_answers_dropped(asking: type[Asking]) -> None:
    late = b"MSG _INBOX.other.1 1 4\r\nlate\r\n"
    with playing([b"PING\r\n" + late + message(b"mine"), message(b"next")]) as broker:
        client = asking(broker.url)
        assert [client.request("a").payload for _ in range(2)] == [b"mine", b"next"]
        client.close()
    assert broker.others == [b"PONG\r\n"]


@each_client
def test_a_broker_that_does_not_answer_is_waited_for_within_the_limit_and_then_not_at_all(asking: type[Asking]) -> None:
    with playing([b""]) as broker:
        client = asking(broker.url, limit_seconds=0.2)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(NoBroker, match=r"^the broker does not answer \(TimeoutError: "):
                client.request("a")
        assert len(broker.got) == 1, "the second request has sent nothing"
        assert client.client.presence.away_until > began


def slow_answers() -> Iterator[bytes]:
    """Each comes so late that three fit into the limit of a request."""
    while True:
        time.sleep(0.15)
        yield message(b"late")


def test_requests_that_wait_too_long_for_their_turn_do_not_take_the_broker_for_away() -> None:
    with playing(slow_answers()) as broker, ThreadPoolExecutor(20) as pool:
        client = Asking(broker.url, limit_seconds=0.5)
        errors = [request.exception() for request in [pool.submit(client.request, "a") for _ in range(20)]]
        assert {type(error) for error in errors} == {NoBroker, type(None)}
        assert client.client.presence.away_until == 0
        client.client.limit_seconds = 5.0
        assert client.request("a").payload == b"late"
        client.close()
    assert len(broker.logins) == 1


@each_client
def test_a_deadline_that_is_handed_over_bounds_the_request(asking: type[Asking]) -> None:
    with playing([b""]) as broker:
        client = asking(broker.url, limit_seconds=60.0)
        with pytest.raises(NoBroker, match="TimeoutError"):
            client.request("a", seconds=0.1)
        assert client.client.presence.away_until == 0, "it had too little time to tell"
        client.close()


class Stuck:
    """A socket that takes a part of what is sent, and no more in time."""

    def __init__(self, own: socket.socket) -> None:
        self.close = own.close
        self.settimeout = own.settimeout
        self.gettimeout = own.gettimeout

    def sendall(self, *_data: object) -> None:
        time.sleep(self.gettimeout())
        raise TimeoutError


def test_a_connection_on_which_a_part_of_a_message_was_sent_is_closed() -> None:
    with playing([ACKNOWLEDGED]) as broker:
        client = Client(broker.url, limit_seconds=60.0)
        client.request(Request("a"), time.monotonic() + 5)
        client.connection.socket = Stuck(client.connection.socket)  # type: ignore[assignment]
        with pytest.raises(NoBroker, match="TimeoutError"):
            client.request(Request("a"), time.monotonic() + 0.2)
        assert client.connection is None


@each_client
def test_a_broker_that_is_away_for_a_moment_is_waited_for(
    asking: type[Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[tuple[Any, ...]] = []

    def connected_later(*where: Any) -> socket.socket:
        if not refused:
            refused.append(where)
            raise ConnectionRefusedError
        return connected(*where)

    monkeypatch.setattr(asking.module, "connected", connected_later)
    with playing([ACKNOWLEDGED]) as broker:
        client = asking(broker.url)
        assert client.request("a").payload == b'{"stream":"S","seq":1}'
        client.close()
    assert refused


@each_client
def test_a_message_that_is_too_large_is_not_sent_and_the_connection_stays(asking: type[Asking]) -> None:
    with playing([message(b"ok")]) as broker:
        client = asking(broker.url)
        with pytest.raises(TooLarge, match="at most 1000 bytes"):
            client.request("a", b"x" * 985, {"A": "b"})  # with 18 bytes of headers
        with pytest.raises(TooLarge):
            client.request("a", b"x" * 1001)
        assert client.request("a", b"x" * 1000).payload == b"ok"
        client.close()
    assert len(broker.logins) == 1


@each_client
def test_a_refused_login_is_told(asking: type[Asking]) -> None:
    with playing([], [], greeting=b"INFO {\"max_payload\":1}\r\n-ERR 'Authorization Violation'\r\n") as broker:
        client = asking(broker.url, limit_seconds=0.05)
        with pytest.raises(NoBroker, match="ConnectionAbortedError: Authorization Violation"):
            client.request("a")


def test_a_forked_process_makes_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing([ACKNOWLEDGED, None], [ACKNOWLEDGED]) as broker:
        client = Client(broker.url)
        client.request(Request("a"), time.monotonic() + 5)
        first = client.connection
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert first is not None
        first.socket.shutdown(2)  # the fake broker serves one connection at a time
        client.request(Request("a"), time.monotonic() + 5)
        assert client.connection is not first
        client.close()
    assert len(broker.logins) == 2


@each_client
@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"INFO {}\r\n", b""), (b"INFO [\r\n", b""), (b"INFO []\r\n", b""), (b'INFO {"max_payload":null}\r\n', b""),
        (GREETING, b"MSG {reply} 1 x\r\n"), (GREETING, b"MSG {reply} 1 -5\r\n"), (GREETING, b"MSG\r\n"),
        (GREETING, b"MSG \xff 1 2\r\nok\r\n"), (GREETING, b"HMSG {reply} 1 2\r\nok\r\n"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_nats_are_an_error_of_the_broker(
    asking: type[Asking], greeting: bytes, answer: bytes
) -> None:
    with playing(*[[answer]] * 9, greeting=greeting) as broker:
        client = asking(broker.url, limit_seconds=0.2)
        with pytest.raises(NoBroker, match="ConnectionAbortedError: what arrives is no NATS"):
            client.request("a")
        client.close()


def broken_late() -> Iterator[None]:
    time.sleep(0.15)
    yield None


@each_client
def test_an_attempt_that_had_little_time_does_not_tell_that_the_broker_is_away(asking: type[Asking]) -> None:
    """After an outage, each request that waited through it would end the new connection and keep the next ones out."""
    with playing(broken_late(), [b""]) as broker:
        client = asking(broker.url, limit_seconds=0.3)
        with pytest.raises(NoBroker, match="TimeoutError"):
            client.request("a")
        assert len(broker.got) == 2
        assert client.client.presence.away_until == 0
        client.close()


@each_client
def test_a_dialogue_gets_the_error_of_a_request_and_may_go_on(asking: type[Asking]) -> None:
    def careful() -> Dialogue[list[bytes]]:
        try:
            yield Request("a", b"x" * 2000)
        except TooLarge:
            first = yield Request("a")
            second = yield Request("b")
            return [first.payload, second.payload]
        return []

    with playing([message(b"one"), message(b"two")]) as broker:
        client = asking(broker.url)
        assert client.run(careful()) == [b"one", b"two"]
        client.close()

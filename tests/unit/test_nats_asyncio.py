"""What the client of NATS on a loop does otherwise than the blocking one; `test_nats.py` has what both do."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app import nats_asyncio
from app.nats import Address, NoBroker, Request
from app.nats_asyncio import Client as OnLoop
from tests.asking import AskingOnLoop
from tests.unit.fake_broker import message, playing


async def ask(client: OnLoop, number: int, seconds: float = 5.0) -> bytes:
    answer = await client.request(Request("a", b"%d" % number), time.monotonic() + seconds)
    return answer.payload


def test_no_request_waits_for_the_answer_to_another() -> None:
    async def all_at_once() -> list[bytes]:
        client = OnLoop(broker.url)
        found = await asyncio.gather(*(ask(client, number) for number in range(20)))
        client.close()
        return found

    held, answers = [b""] * 19, b"".join(b"MSG {inbox}.%d 1 2\r\n%02d\r\n" % (n, n) for n in range(20, 0, -1))
    with playing([*held, answers]) as broker:  # it answers all once it has the last one, the last one first
        assert asyncio.run(all_at_once()) == [b"%02d" % number for number in range(1, 21)]
    assert len(broker.logins) == 1


def test_a_request_that_is_given_up_leaves_the_connection_to_the_others() -> None:
    async def one_given_up() -> bytes:
        client = OnLoop(broker.url)
        given_up, other = asyncio.ensure_future(ask(client, 1)), asyncio.ensure_future(ask(client, 2))
        while len(broker.got) < 2:
            await asyncio.sleep(0.01)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        found = [await ask(client, 3), await other]
        client.close()
        return b" ".join(found)

    with playing(
        [b"", b"", b"MSG {inbox}.1 1 1\r\n1\r\nMSG {inbox}.2 1 1\r\n2\r\nMSG {inbox}.3 1 1\r\n3\r\n"]
    ) as broker:
        assert asyncio.run(one_given_up()) == b"3 2"
    assert len(broker.logins) == 1


def test_a_silent_connection_fails_all_that_wait_and_a_later_request_gets_another() -> None:
    async def silent() -> list[object]:
        client = OnLoop(broker.url, limit_seconds=0.3)
        errors = await asyncio.gather(*(ask(client, number, 0.3) for number in range(3)), return_exceptions=True)
        client.presence.away_until = 0.0
        found = [*map(type, errors), await ask(client, 4)]
        client.close()
        return found

    with playing([b"", b"", b""], [message(b"again")]) as broker:
        assert asyncio.run(silent()) == [NoBroker] * 3 + [b"again"]
    assert len(broker.got) == 4, "none was sent again after its time"


def test_each_loop_has_a_connection_of_its_own() -> None:
    with playing([message(b"one"), None], [message(b"two")]) as broker:
        client = OnLoop(broker.url)
        assert asyncio.run(ask(client, 1)) == b"one"
        first = client.connection
        assert first is not None
        assert first.transport is not None
        first.transport.get_extra_info("socket").shutdown(2)  # the fake broker serves one connection at a time
        assert asyncio.run(ask(client, 2)) == b"two"
    assert len(broker.logins) == 2


def test_a_request_is_not_sent_before_the_login_though_its_timer_is_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uvloop's timers may end up to a millisecond before the deadline."""
    wait = asyncio.wait

    async def too_short(futures: Any, timeout: float) -> Any:
        return await wait(futures, timeout=timeout / 10)

    monkeypatch.setattr(asyncio, "wait", too_short)
    with playing([], greeting=b"") as broker:
        client = AskingOnLoop(broker.url, limit_seconds=0.2)
        with pytest.raises(NoBroker, match="TimeoutError"):
            client.request("a")
        assert broker.got == []
        client.close()


def test_a_request_after_its_deadline_leaves_nothing() -> None:
    with playing([message(b"one")]) as broker:
        client = AskingOnLoop(broker.url)
        client.request("a")
        with pytest.raises(NoBroker, match="TimeoutError"):
            client.asked(Request("b"), time.monotonic() - 1)
        assert isinstance(client.client, OnLoop)
        assert client.client.connection is not None
        assert client.client.connection.waiting == {}
        assert len(broker.got) == 1
        client.close()


def test_what_a_broker_does_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that are given up sooner would not end the connection, and the memory would grow."""
    monkeypatch.setattr(nats_asyncio, "UNSENT_BYTES", 1000)
    stalls = threading.Event()

    def stalled() -> Iterator[bytes]:
        stalls.wait()
        yield b""

    async def fill(url: str) -> None:
        connection = nats_asyncio.Connection(Address.of(url))
        requests = Request("a"), Request("a", bytes(20_000_000))
        await asyncio.gather(*(connection.request(request, time.monotonic() + 5) for request in requests))

    with playing(stalled(), greeting=b'INFO {"max_payload":100000000}\r\n') as broker:
        try:
            with pytest.raises(ConnectionAbortedError, match="the broker takes nothing"):
                asyncio.run(fill(broker.url))
        finally:
            stalls.set()

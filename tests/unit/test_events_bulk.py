"""The yardstick that awaits acknowledgements in bulk: what an answer waits for, and what it may have lost."""

import runpy
import sys
from types import ModuleType
from typing import Any

import pytest

from app.nats import NoBroker
from app.nats_blocking import Client
from app.work import STREAMS, new_id
from bench.paths import YARDSTICKS
from tests.unit.fake_broker import message, playing

ACKNOWLEDGED = b'{"stream":"STATEMENTS_MADE","seq":1}'
REFUSED = b'{"error":{"code":503,"description":"insufficient resources"}}'
PREPARED = [message(b"{}")] * len(STREAMS)  # what the first connection asks for


@pytest.fixture
def bulk(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The module, around a service that is none."""
    entry = ModuleType("app.entry")
    monkeypatch.setattr(entry, "application", lambda environ, start_response: [], raising=False)
    monkeypatch.setitem(sys.modules, "app.entry", entry)
    monkeypatch.setenv("STATEMENTS_FRAMEWORK", "app.wsgi.bare_app")
    monkeypatch.setenv("STATEMENTS_BROKER", "nats://127.0.0.1:1")
    return runpy.run_path(str(YARDSTICKS / "events_bulk.py"))


def answers(*payloads: bytes) -> bytes:
    """Acknowledgements, as the broker sends them to the yardstick's own subscription."""
    return b"".join(b"MSG {reply} 2 %d\r\n%s\r\n" % (len(payload), payload) for payload in payloads)


def test_only_every_64th_event_waits_and_then_for_all(bulk: dict[str, Any]) -> None:
    count = bulk["BULK"]
    with playing(PREPARED, [b""] * (count - 1) + [answers(*[ACKNOWLEDGED] * count), b""]) as broker:
        work = bulk["BulkWork"](Client(broker.url))
        under_way = []
        for _ in range(count + 1):
            work.client.run(work.announce(new_id(), None))
            under_way.append(work.under_way)
    assert under_way == [*range(1, count), 0, 1]
    assert len(broker.got) == len(PREPARED) + count + 1


def test_the_request_that_waits_gets_the_error_of_an_event_whose_statement_is_answered(bulk: dict[str, Any]) -> None:
    count = bulk["BULK"]
    with playing(PREPARED, [b""] * (count - 1) + [answers(REFUSED)]) as broker:
        work = bulk["BulkWork"](Client(broker.url))
        for _ in range(count - 1):
            work.client.run(work.announce(new_id(), None))
        with pytest.raises(NoBroker, match="an event was not stored"):
            work.client.run(work.announce(new_id(), None))


def test_a_broken_connection_is_an_error_and_the_next_event_gets_another(bulk: dict[str, Any]) -> None:
    count = bulk["BULK"]
    with playing(PREPARED, [b""] * (count - 1) + [None], PREPARED, [b""]) as broker:
        work = bulk["BulkWork"](Client(broker.url))
        for _ in range(count - 1):
            work.client.run(work.announce(new_id(), None))
        with pytest.raises(NoBroker, match="ConnectionResetError"):
            work.client.run(work.announce(new_id(), None))
        work.client.run(work.announce(new_id(), None))
        assert work.under_way == 1

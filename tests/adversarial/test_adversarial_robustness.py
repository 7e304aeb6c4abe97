"""Servers that fail under attack on purpose: the instrument finds each failure, and none in a server without one."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bench.analysis.robustness import Judged, judge
from bench.attacks import CORPUS, Hostile, Pause, Send, named, requests
from bench.attacks.script import REFUSED, hostile
from bench.host.pinning import cores
from bench.measure.instruments import hostility, robustness
from bench.measure.instruments.robustness import Target, tried
from bench.serve import http_client, life_cycle
from bench.serve.ports import free_port

pytestmark = pytest.mark.slow

# Good requests name a port in Host, hostile ones do not. `{deed}` is what the server does with those; `data` has one.
SERVER = """
import os, socket, sys, threading, time
hello, statement = {hello!r}, {statement!r}
spoilt = []

def reply(status, body=b""):
    return b"HTTP/1.1 %d X\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (status, len(body), body)

def right(data):
    return reply(200, hello if data.startswith(b"GET") else statement)

def hostile(link, data):
    {deed}

def serve(link):
    with link:
        data = b""
        while b"\\r\\n\\r\\n" not in data or (data[:4] == b"POST" and not data.endswith(b"}}")):
            part = link.recv(65536)
            if not part: return
            data += part
        if b"Host: 127" not in data: hostile(link, data)
        elif spoilt: link.sendall(reply(500)); spoilt.clear()
        else: link.sendall(right(data))

def child():
    with socket.create_server((sys.argv[1], int(sys.argv[2])), reuse_port=True) as port:
        while True: threading.Thread(target=serve, args=port.accept()[:1]).start()

while True:
    pid = os.fork()
    if not pid: child()
    os.waitpid(pid, 0)
"""
DEEDS = {
    "refuses": "link.sendall(reply(400))",
    "errors": "link.sendall(reply(500))",
    "is silent": "time.sleep(60)",
    "dies": "os._exit(1)",
    "answers": "link.sendall(right(data))",
    "answers the hidden one": "link.sendall(right(data) + reply(200, b'Waited 7 ms.\\n'))",
    "spoils the next": "spoilt.append(1); link.sendall(reply(400))",
    "closes": "pass",
    "refuses and stays": "link.sendall(reply(400)); time.sleep(60)",
    "stays once": "spoilt[:1] or (spoilt.append(1), time.sleep(60))",
    "stutters": "link.sendall(b'HTTP/1.1 2')",
}


@contextmanager
def serving(deed: str, log: Path) -> Iterator[life_cycle.RunningServer]:
    """Run a server that does this with hostile requests."""
    program = SERVER.format(deed=deed, hello=requests.HELLO.encode(), statement=requests.STATEMENT.encode())
    port = free_port()
    argv = [sys.executable, "-c", program, life_cycle.HOST, str(port)]
    with life_cycle.launched(
        "dummy", argv, {}, folder=log.parent, first=http_client.HELLO, log=log, cpus=cores().all,
        host=life_cycle.HOST, port=port,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(autouse=True)
def short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dummy that SIGTERM does not end is killed soon."""
    monkeypatch.setattr(life_cycle, "STOP_SECONDS", 0.5)


def under(deed: str, attack: Hostile, folder: Path, seconds: float = 1.0) -> Judged:
    """The outcome of one attack on such a server."""
    target = Target(partial(serving, DEEDS[deed]), folder / "log")
    try:
        return judge(attack.attack, tried(target, attack, seconds, seconds))
    finally:
        target.stop()


FAULTY, VALID, HIDING = named("connect"), named("get"), named("body-of-get")


@pytest.mark.parametrize(
    ("deed", "attack", "outcome"),
    [
        ("refuses", FAULTY, "refused"),
        ("closes", FAULTY, "refused"),
        ("answers", FAULTY, "wrong"),
        ("errors", FAULTY, "5xx"),
        ("is silent", FAULTY, "silent"),
        ("stutters", FAULTY, "wrong"),
        ("dies", FAULTY, "death"),
        ("refuses", VALID, "wrong"),
        ("closes", VALID, "wrong"),
        ("answers", VALID, "answered"),
        ("errors", VALID, "5xx"),
        ("is silent", VALID, "silent"),
        ("answers", HIDING, "answered"),
        ("answers the hidden one", HIDING, "wrong"),
    ],
    ids=lambda each: each.attack.name if isinstance(each, Hostile) else each,
)
def test_each_failure_is_found(deed: str, attack: Hostile, outcome: str, tmp_path: Path) -> None:
    found = under(deed, attack, tmp_path)
    assert found.outcome == outcome, found.reason
    assert found.next_wrong is None or deed == "dies"


def test_a_spoilt_next_request_is_found(tmp_path: Path) -> None:
    found = under("spoils the next", FAULTY, tmp_path)
    assert found.outcome == "refused"
    assert not found.is_right
    assert "status 500" in found.next_wrong
    assert "anew" not in found.next_wrong


def test_a_server_that_never_recovers_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "RECOVERY_SECONDS", 1.0)
    deed = "globals().update(right=lambda data: reply(500)); link.sendall(reply(400))"
    target = Target(partial(serving, deed), tmp_path / "log")
    try:
        trial = tried(target, FAULTY, 1.0, 1.0)
        assert not trial.after.right
        assert trial.recovered_seconds is None
        assert target.starts == 2
        assert robustness.good(target.running.port, 1.0).right
    finally:
        target.stop()


def test_a_good_request_is_sent_beside_a_slow_client(tmp_path: Path) -> None:
    attack = hostile("idle", "nothing", REFUSED, "RFC 9112", [Send(b"GET"), Pause(3.0)], kind="slow")
    found = under("closes", attack, tmp_path, 2.0)
    assert found.outcome == "silent", "it waits for the rest of the head"
    assert found.next_wrong is None, "each of its connections has a thread"


def test_every_quick_attack_ends_in_time(tmp_path: Path) -> None:
    """A server that closes every hostile connection stands each attack that needs no status."""
    target = Target(partial(serving, DEEDS["closes"]), tmp_path / "log")
    try:
        some = [
            each for each in CORPUS if each.attack.kind in {"framing", "smuggling", "chunks"} and not each.attack.status
        ]
        found = [judge(each.attack, tried(target, each, 1.0, 2.0)) for each in some[::4]]
    finally:
        target.stop()
    assert {row.outcome for row in found} <= {"refused", "silent"}
    assert all(row.next_wrong is None for row in found)


async def _all(count: int, times: list[float]) -> None:
    """Wait until so many times are noted."""
    while len(times) < count:
        await asyncio.sleep(0.01)


def test_no_held_client_leaves_before_the_good_requests_have_ended() -> None:
    """A server without an answer: it notes when each client came and left, and the good request takes a second."""
    left: list[float] = []

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.append(time.monotonic())
        writer.close()

    async def observed() -> tuple[float, float]:
        spans: list[float] = []

        def good() -> None:
            spans.append(time.monotonic())
            time.sleep(1.0)
            spans.append(time.monotonic())

        # All connect at once: a shorter queue drops some, and they try again after 1 s, then after 3, over the limit.
        async with await asyncio.start_server(noted, life_cycle.HOST, 0, backlog=300) as server:
            address = server.sockets[0].getsockname()[:2]
            await hostility.attack(named("idle-300"), address, 2.0, beside=good)
            await asyncio.wait_for(_all(300, left), 20)
        return spans[0], spans[1]

    _, ended = asyncio.run(observed())
    assert min(left) >= ended


def test_a_connection_that_must_be_closed_is_found_open(tmp_path: Path) -> None:
    lengths = named("length-plus")
    assert under("refuses", lengths, tmp_path).outcome == "refused", "it closes the connection"
    found = under("refuses and stays", lengths, tmp_path, 3.0)
    assert (found.outcome, found.reason) == ("wrong", "refused (status 400), but the connection stays open")


def test_a_single_connection_of_many_that_is_left_open_counts(tmp_path: Path) -> None:
    steps = [Send(b"GET /hello HTTP/1.1\r\nHost: lab\r\n\r\n")]
    attack = hostile("some", "some stay", REFUSED, "RFC 9112", steps, kind="framing", clients=4)
    found = under("stays once", attack, tmp_path, 2.0)
    assert found.outcome == "silent"
    assert found.reason.endswith("on 1 of 4 connections")

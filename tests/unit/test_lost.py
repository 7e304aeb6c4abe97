"""Clients that ask a server which loses requests on purpose: each loss is noted once, and by its kind."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import repeat
from threading import Event

import pytest

from bench.measure.instruments import clients
from bench.measure.instruments.clients import Asked
from bench.model import Exchange
from bench.serve.ports import free_port

HELLO = Exchange(method="GET", path="/hello", body=None, expect=b"Hello")
LOST = 5  # requests that each fault loses
RIGHT = b"HTTP/1.1 200 OK\r\nX-Version: 7\r\nContent-Length: 5\r\n\r\nHello"
HALF = RIGHT[:-2]
BROKEN = RIGHT.replace(b"200 OK", b"502 Bad Gateway")

Fault = Callable[[socket.socket], bool]  # what is done in place of an answer; whether the connection is kept


def reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return False


def closed(_: socket.socket) -> bool:
    return False


def half(connection: socket.socket) -> bool:
    connection.sendall(HALF)
    return False


def broken(connection: socket.socket) -> bool:
    connection.sendall(BROKEN)
    return True


def idle(connection: socket.socket) -> bool:
    """A right answer, after which the server closes the connection without having announced that.

    The end is sent with the answer, so that no request comes between them.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    connection.sendall(RIGHT)
    connection.shutdown(socket.SHUT_WR)
    return False


class Faulty:
    """A server of one thread a connection, which shows a fault in place of the answers to `LOST` requests."""

    def __init__(self, fault: Fault, *, on_kept: bool) -> None:
        self._faults = repeat(fault, LOST)
        self._on_kept = on_kept
        self._over = Event()

    @contextmanager
    def running(self) -> Iterator[tuple[str, int]]:
        with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(64) as pool:
            pool.submit(self._accept, listening, pool)
            try:
                yield listening.getsockname()
            finally:
                self._over.set()

    def _accept(self, listening: socket.socket, pool: ThreadPoolExecutor) -> None:
        listening.settimeout(0.01)
        while not self._over.is_set():
            with suppress(TimeoutError):
                pool.submit(self._serve, listening.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        answered = 0
        with connection:
            while connection.recv(1000):
                fault = next(self._faults, None) if answered >= self._on_kept else None
                if fault is None:
                    connection.sendall(RIGHT)
                elif not fault(connection):
                    return
                answered += 1


def heard(fault: Fault, *, on_kept: bool, kept: bool, seconds: float = 0.3) -> list[Asked]:
    with (
        Faulty(fault, on_kept=on_kept).running() as address,
        clients.asking(address, [HELLO], "x-version", clients=4, pace=100, kept=kept) as found,
    ):
        time.sleep(seconds)
    return found


@pytest.mark.parametrize(
    ("fault", "on_kept", "loss"),
    [
        (reset, False, "reset"),
        (closed, False, "reset"),
        (reset, True, "kept"),
        (closed, True, "kept"),
        (half, False, "wrong"),
        (half, True, "wrong"),
        (broken, False, "wrong"),
    ],
)
def test_every_lost_request_is_counted_once_by_its_kind(fault: Fault, on_kept: bool, loss: str) -> None:
    found = Counter(each.loss for each in heard(fault, on_kept=on_kept, kept=True))
    assert found.pop(None) > LOST
    assert found == {loss: LOST}


@pytest.mark.parametrize("fault", [reset, closed])
def test_a_connection_for_each_request_is_never_a_kept_one(fault: Fault) -> None:
    found = Counter(each.loss for each in heard(fault, on_kept=False, kept=False))
    assert found.pop(None) > LOST
    assert found == {"reset": LOST}


def test_a_kept_connection_that_was_closed_while_idle_loses_nothing() -> None:
    found = heard(idle, on_kept=True, kept=True)
    assert {each.loss for each in found} == {None}
    assert {each.version for each in found} == {"7"}


def test_a_port_where_nothing_listens_refuses() -> None:
    address = "127.0.0.1", free_port()
    with clients.asking(address, [HELLO], "x-version", clients=2, pace=100, kept=True) as found:
        time.sleep(0.1)
    assert {each.loss for each in found} == {"refused"}


def test_an_answer_that_does_not_come_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "LATE_SECONDS", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        clients.asking(silent.getsockname(), [HELLO], "x-version", clients=2, pace=100, kept=True) as found,
    ):
        time.sleep(0.3)
    assert {each.loss for each in found} == {"late"}


def test_a_client_asks_at_most_so_often() -> None:
    found = heard(closed, on_kept=False, kept=True)
    for client in range(4):
        began = [each.began for each in found if each.client == client]
        assert len(began) <= (began[-1] - began[0]) * 100 + 2


def asked(client: int, began: float, ended: float, version: str | None = "1") -> Asked:
    return Asked(client, began, ended, version, None if version else "reset")


def test_a_wait_goes_on_until_the_client_gets_a_right_answer() -> None:
    found = [
        asked(1, 0.0, 1.0),
        asked(2, 0.0, 3.0, None),
        asked(1, 1.0, 2.0),
        asked(2, 3.5, 4.0, None),
        asked(2, 4.5, 5.0),
        asked(1, 5.0, 5.5),
    ]
    assert clients.longest_wait(found) == 5.0
    assert clients.longest_wait(found[:4]) == 4.0
    assert clients.longest_wait([]) == 0.0


def test_a_new_version_answers_alone_once_no_other_one_does() -> None:
    found = [asked(1, 0.0, 1.0), asked(2, 0.0, 2.0, "2"), asked(1, 1.0, 3.0), asked(2, 2.0, 4.5, "2")]
    assert clients.only_from(found, 0.5, "2") == 4.0
    assert clients.only_from(found, 0.5, "2", least=2) is None
    assert clients.only_from(found[:3], 0.5, "2") is None
    assert clients.only_from([asked(1, 9.0, 9.5, None)], 0.5, "2") is None
    assert (
        clients.only_from(
            [asked(1, 1.0, 1.5, "2"), Asked(1, 2.0, 2.5, None, "wrong"), asked(1, 3.0, 3.5, "2")], 0.5, "2"
        )
        == 3.0
    )
    assert clients.only_from([asked(1, 0.0, 0.2), asked(1, 9.0, 9.5, "2")], 0.5, "2") == 9.0

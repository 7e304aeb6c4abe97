"""Clients that go on asking whatever happens to the server, and note what became of each request.

For the load generators an error ends a run; here it is an outcome. A client asks over a connection of its own, at most
so many times a second, and its next request comes after the last one has ended. It does what HTTP libraries do: before
it uses a kept connection, it looks whether the server has closed that.
"""

from __future__ import annotations

import http.client
import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from threading import Event
from typing import Literal, NamedTuple, get_args

from bench.documents import headers_of
from bench.documents.answers import Answer, difference, named
from bench.model import Exchange

Loss = Literal["refused", "reset", "kept", "wrong", "late"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
LATE_SECONDS = 10.0


class Asked(NamedTuple):
    """A request of a client, when it began and ended, and the `version` that answered it right; or why it is lost.

    `refused`: no connection. `reset`: a new connection ended before the answer. `kept`: so did a kept one, and RFC 9112
    (9.3.1) lets a client repeat the request. `wrong`: the answer was wrong or broke off. `late`: none came in time.
    """

    client: int
    began: float
    ended: float
    version: str | None
    loss: Loss | None


@contextmanager
def asking(
    address: tuple[str, int], exchanges: Sequence[Exchange], header: str, *, clients: int, pace: float, kept: bool
) -> Iterator[list[Asked]]:
    """Let clients ask during the block, each at most `pace` times a second. Yields what has ended so far, and grows.

    `header` says in each answer which version it is of. Without `kept`, each request has a connection of its own.
    """
    heard: list[Asked] = []
    over, began, interval = Event(), time.perf_counter(), 1 / pace
    with ThreadPoolExecutor(clients) as pool:
        running = []
        for number in range(clients):
            client = _Client(number, address, exchanges, header, kept)
            running.append(pool.submit(_go_on, client, heard, over, interval, began + interval * number / clients))
        try:
            yield heard
        finally:
            over.set()
    for each in running:
        each.result()


def _go_on(client: _Client, heard: list[Asked], over: Event, interval: float, due: float) -> None:
    while not over.wait(max(0.0, due - time.perf_counter())):
        heard.append(client.ask())
        due = max(due + interval, time.perf_counter())
    client.close()


class _Client:
    """A client and its connection. It sends the requests in turn."""

    def __init__(
        self, number: int, address: tuple[str, int], exchanges: Sequence[Exchange], header: str, kept: bool
    ) -> None:
        self._number, self._header, self._kept = number, header, kept
        self._connection = http.client.HTTPConnection(*address, timeout=LATE_SECONDS)
        self._authority = "{}:{}".format(*address)
        self._turn = cycle(exchanges)

    def ask(self) -> Asked:
        """Send the next request once."""
        exchange, began = next(self._turn), time.perf_counter()
        version, loss = self._asked(exchange)
        if loss:
            self.close()
        return Asked(self._number, began, time.perf_counter(), version, loss)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _asked(self, exchange: Exchange) -> tuple[str | None, Loss | None]:
        if self._connection.sock and _is_closed(self._connection.sock):
            self.close()
        is_new = self._connection.sock is None
        headers = headers_of(exchange, self._authority) | ({} if self._kept else {"Connection": "close"})
        try:
            if is_new:
                self._connection.connect()
            self._connection.request(exchange.method, exchange.path, exchange.body, headers)
            response = self._connection.getresponse()
        except ConnectionRefusedError:
            return None, "refused"
        except ConnectionError:  # among them http.client.RemoteDisconnected
            return None, "reset" if is_new else "kept"
        except TimeoutError:
            return None, "late"
        except http.client.HTTPException:
            return None, "wrong"
        return self._read(exchange, response)

    def _read(self, exchange: Exchange, response: http.client.HTTPResponse) -> tuple[str | None, Loss | None]:
        try:
            answer = Answer(response.status, named(response.getheaders()), response.read())
        except TimeoutError:
            return None, "late"
        except (ConnectionError, http.client.HTTPException):
            return None, "wrong"
        version = answer.headers.get(self._header)
        return (None, "wrong") if version is None or difference(exchange, answer) else (version, None)


def _is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection that waits for no answer."""
    return bool(select.select([connection], [], [], 0)[0])


def longest_wait(heard: Sequence[Asked]) -> float:
    """The longest time from a request to its right answer, or to that of its client's first later one with any."""
    longest, since = 0.0, dict[int, float]()
    for each in sorted(heard, key=lambda asked: asked.ended):
        began = since.setdefault(each.client, each.began)
        longest = max(longest, each.ended - began)
        if each.loss is None:
            del since[each.client]
    return longest


def only_from(heard: Sequence[Asked], at: float, version: str, least: int = 1) -> float | None:
    """The seconds from `at` until `version` answers and no other does any more; None before it did so `least` times.

    A wrong answer is one of another version.
    """
    later = [each for each in heard if each.ended >= at and each.loss in {None, "wrong"}]
    others = max((each.ended for each in later if each.version != version), default=at)
    own = [each.ended for each in later if each.version == version and each.ended > others]
    return min(own) - at if len(own) >= least else None

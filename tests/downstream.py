"""A stand-in for the service `statements`, which fails as the name of the batch says: a server of TCP, not of HTTP."""

import gzip
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from typing import Any, NamedTuple

from app.core import transform
from app.http import JSON, PROBLEM, Problem, answer

HOST = "127.0.0.1"
BLOCK = b"x" * 65_536
GIBIBYTE = 2**30
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST, as the kernel does for a killed process
SIP_BYTES, SIP_SECONDS = 65_536, 0.025  # of a slow reader: 32 MB take it 12 s
ELSEWHERE = "/elsewhere"  # where the redirect leads


class Received(NamedTuple):
    """A request that has arrived; the names of its headers are lower-case."""

    path: str
    headers: dict[str, str]
    document: bytes

    @property
    def batch(self) -> str:
        try:
            return str(json.loads(self.document)["batch"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""


class Exchange:
    """One request, and what is sent in return. The connection goes on if that was a whole answer."""

    def __init__(self, downstream: "Downstream", connection: socket.socket, request: Received) -> None:
        self.downstream = downstream
        self.connection = connection
        self.request = request
        self.is_whole = False

    def send(self, part: bytes) -> None:
        self.connection.sendall(part)

    def head(self, status: str, *headers: str) -> None:
        self.send("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())

    def answer(self, status: str, body: bytes, *headers: str, media_type: str = JSON) -> None:
        self.head(status, f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers)
        self.send(body)
        self.is_whole = True

    def problem(self, problem: Problem, *headers: str) -> None:
        self.answer(problem.status, problem.body(), *headers, media_type=PROBLEM)

    def begin(self) -> bytes:
        """Send the head of the right answer and half of its body; the other half is returned."""
        body = transform(self.request.document)
        self.head("200 OK", f"Content-Type: {JSON}", f"Content-Length: {len(body)}")
        self.send(body[: len(body) // 2])
        return body[len(body) // 2 :]

    def stall(self) -> None:
        """Wait until the client has closed the connection."""
        while self.connection.recv(65_536):
            pass

    def trickle(self, part: bytes) -> None:
        """Send a byte a second, until the client has closed the connection."""
        for place in range(len(part)):
            self.send(part[place : place + 1])
            if self.downstream.ended.wait(1):
                return

    def flood(self, part: bytes, times: int) -> None:
        """Send a part many times, and count its bytes."""
        for _ in range(times):
            self.send(part)
            with self.downstream.counting:
                self.downstream.flooded += len(part)


def right(exchange: Exchange) -> None:
    try:
        exchange.answer("200 OK", answer(transform, exchange.request.document))
    except Problem as problem:
        exchange.problem(problem)


def held(exchange: Exchange) -> None:
    exchange.downstream.released.wait()
    right(exchange)


def cookie(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document), "Set-Cookie: session=1; Path=/")


def closed(_exchange: Exchange) -> None:
    """The connection is closed after each request that gets no whole answer."""


def killed(exchange: Exchange) -> None:
    exchange.begin()
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def cut(exchange: Exchange) -> None:
    exchange.begin()


def cut_chunks(exchange: Exchange) -> None:
    exchange.head("200 OK", f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
    body = transform(exchange.request.document)
    exchange.send(b"%x\r\n%b\r\n" % (len(body), body))  # the last chunk, of no bytes, is missing


def stalled(exchange: Exchange) -> None:
    exchange.stall()


def stalled_midway(exchange: Exchange) -> None:
    exchange.begin()
    exchange.stall()


def slow_head(exchange: Exchange) -> None:
    exchange.trickle(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")


def slow_body(exchange: Exchange) -> None:
    exchange.trickle(exchange.begin())


def endless_hints(exchange: Exchange) -> None:
    while not exchange.downstream.ended.wait(0.01):
        exchange.head("103 Early Hints")


def endless_head(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    exchange.flood(b"X-More: %b\r\n" % BLOCK[:1024], GIBIBYTE // 1024)


def no_http(exchange: Exchange) -> None:
    exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n")


def failed(exchange: Exchange) -> None:
    exchange.problem(Problem("500 Internal Server Error", "the service failed"))


def html(exchange: Exchange) -> None:
    exchange.answer("200 OK", b"<html>Welcome</html>", media_type="text/html")


def html_named_json(exchange: Exchange) -> None:
    exchange.answer("200 OK", b"<html>Welcome</html>")


def html_refusal(exchange: Exchange) -> None:
    exchange.answer("400 Bad Request", b"<html>Bad Request</html>", media_type="text/html")


def truncated(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document)[:-2])


def wrong_types(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document).replace(b'"open":500', b'"open":"500"'))


def lacks_member(exchange: Exchange) -> None:
    """A member that no bill is made of, but that the OpenAPI document requires."""
    exchange.answer("200 OK", transform(exchange.request.document).replace(b'"units":', b'"pieces":'))


def half_a_character(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document).replace(b"Ann Lee", rb"\ud800"))


def nested(exchange: Exchange) -> None:
    exchange.answer("200 OK", b"[" * len(BLOCK))


def wrong_sums(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document).replace(b'"open":500', b'"open":400', 1))


def other_batch(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document).replace(b"other_batch", b"batch-of-before"))


def other_request(exchange: Exchange) -> None:
    exchange.answer("200 OK", transform(exchange.request.document), "X-Request-ID: another")


def gigabyte(exchange: Exchange) -> None:
    exchange.head("200 OK", f"Content-Type: {JSON}", f"Content-Length: {GIBIBYTE}")
    exchange.flood(BLOCK, GIBIBYTE // len(BLOCK))


def endless(exchange: Exchange) -> None:
    exchange.head("200 OK", f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
    exchange.flood(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK), GIBIBYTE // len(BLOCK))


def compressed(exchange: Exchange) -> None:
    exchange.answer("200 OK", gzip.compress(transform(exchange.request.document)), "Content-Encoding: gzip")


def redirect(exchange: Exchange) -> None:
    exchange.answer("307 Temporary Redirect", b"", f"Location: http://{HOST}:{exchange.downstream.port}{ELSEWHERE}")


def redirect_to_nowhere(exchange: Exchange) -> None:
    exchange.answer("307 Temporary Redirect", b"", "Location: http://host:port:port/")


def busy(exchange: Exchange) -> None:
    exchange.problem(Problem("503 Service Unavailable", "not now"), "Retry-After: 0")


def busy_for_a_second(exchange: Exchange) -> None:
    exchange.problem(Problem("503 Service Unavailable", "not now"), "Retry-After: 1")


def busy_once(exchange: Exchange) -> None:
    is_first = exchange.downstream.asked()["busy_once"] == 1
    (busy if is_first else right)(exchange)


def busy_for_long(exchange: Exchange) -> None:
    exchange.problem(Problem("503 Service Unavailable", "not now"), "Retry-After: 60")


def unavailable(exchange: Exchange) -> None:
    exchange.problem(Problem("503 Service Unavailable", "not now"))


def unavailable_proxy(exchange: Exchange) -> None:
    body = b"<html>Service Unavailable</html>"
    exchange.answer("503 Service Unavailable", body, "Retry-After: 60", media_type="text/html")


def unknown_caller(exchange: Exchange) -> None:
    exchange.problem(Problem("401 Unauthorized", "no token"), 'WWW-Authenticate: Bearer scope="statements"')


def absent(exchange: Exchange) -> None:
    exchange.problem(Problem("404 Not Found", "/statements"))


def too_many(exchange: Exchange) -> None:
    exchange.problem(Problem("429 Too Many Requests", "slower"), "Retry-After: 0")


class Kind(NamedTuple):
    """Faults of one kind, and what is right then: the status that the caller gets, and the requests that it takes."""

    title: str
    status: int
    faults: tuple[Callable[[Exchange], None], ...]
    requests: int = 1


KINDS = (
    Kind("works", 200, (right,)),
    Kind("accepts, and never answers, or not to the end", 504, (stalled, stalled_midway)),
    Kind("sends a byte a second, or hints without end", 504, (slow_head, slow_body, endless_hints)),
    Kind("is killed before or while it answers", 502, (closed, killed, cut, cut_chunks)),
    Kind("answers 500, 404, 429, or with a redirect", 502, (failed, absent, too_many, redirect, redirect_to_nowhere)),
    Kind("sends no HTTP, or HTML", 502, (no_http, html, html_named_json, html_refusal)),
    Kind("sends half of a statement, or wrong types", 502, (truncated, wrong_types, lacks_member)),
    Kind("sends JSON that Python alone reads", 502, (half_a_character, nested)),
    Kind("sends the statement of another batch", 502, (other_batch, other_request, wrong_sums)),
    Kind("sends a GiB, or a compressed answer", 502, (gigabyte, endless, endless_head, compressed)),
    Kind("answers 503 once, `Retry-After: 0`", 200, (busy_once,), requests=2),
    Kind("answers 503, `Retry-After: 0`", 503, (busy,), requests=3),
    Kind("answers 503, `Retry-After: 1`", 503, (busy_for_a_second,), requests=2),  # a third would be after the deadline
    Kind("answers 503, `Retry-After: 60` or none", 503, (busy_for_long, unavailable, unavailable_proxy)),
    Kind("refuses the token", 401, (unknown_caller,)),
)
REFUSED = Kind("refuses connections", 503, (), requests=0)  # each attempt
FAULTS = {fault.__name__: kind for kind in KINDS for fault in kind.faults}
BEHAVIOURS = {fault.__name__: fault for kind in KINDS for fault in kind.faults} | {"held": held, "cookie": cookie}


class Downstream:
    """The server. A batch whose name is none of `BEHAVIOURS` is answered rightly."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.flooded = 0  # bytes that clients took of answers without an end
        self.counting = threading.Lock()
        self.sips = False  # whether it takes requests slowly
        self.sipped = 0  # bytes
        self.released = threading.Event()
        self.ended = threading.Event()
        self.connected: set[socket.socket] = set()
        self.port = 0  # any that is free
        self._accept()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def asked(self) -> Counter[str]:
        """How many requests have arrived, by the name of the batch."""
        return Counter(request.batch for request in self.received)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Refuse connections during the block, and end those that are kept."""
        self._refuse()
        for connection in self.connected.copy():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self._accept()

    def end(self) -> None:
        """Accept no more, and end what waits for a while."""
        self.released.set()
        self.ended.set()
        self._refuse()

    def _accept(self) -> None:
        self.listener = socket.create_server((HOST, self.port))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(BLOCK))  # a large batch does not fit
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, args=[self.listener], daemon=True).start()

    def _refuse(self) -> None:
        with suppress(OSError):  # wakes up `accept`, which closing does not
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                threading.Thread(target=self._answer, args=[listener.accept()[0]], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        self.connected.add(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while self.sips and (part := connection.recv(SIP_BYTES)):
                self.sipped += len(part)
                time.sleep(SIP_SECONDS)
            while request := _read(stream):
                self.received.append(request)
                exchange = Exchange(self, connection, request)
                BEHAVIOURS.get(request.batch, right)(exchange)
                if not exchange.is_whole:
                    break
        self.connected.discard(connection)


def _read(stream: BufferedReader) -> Received | None:
    """The next request of a connection; None at its end."""
    words = stream.readline().split()
    if len(words) != 3:
        return None
    headers: dict[str, Any] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Received(words[1].decode("latin-1"), headers, stream.read(int(headers.get("content-length", 0))))


@contextmanager
def downstream() -> Iterator[Downstream]:
    """A running server."""
    running = Downstream()
    try:
        yield running
    finally:
        running.end()

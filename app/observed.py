"""What an observer is told of each request, whatever the interface.

An answer is told before its last byte is sent, so that no client has one that was not told. That is when its length is
known; the end of a stream without one is told once it is sent.
"""

from __future__ import annotations  # those of inner functions would be evaluated at each request

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from time import perf_counter_ns
from typing import Any, Protocol

from app.context import AsyncApplication, Environ, WsgiApplication
from app.http import Header

FAILED = 500
CLOSED = 499  # nginx's status of a request whose client went away
BODYLESS = {204, 304}
NO_HEADERS: list[Header] = []
NO_BODY = {"", "0"}  # a Content-Length

OUTSIDE = {"context", "drain", "health", "log", "metrics", "otel", "request_id", "trace"}  # they hide no answer

Asked = tuple[str, str, str]  # the method, the path, and the scheme, `http` or `https`


class Ended(Protocol):
    """Told of each request within its context, once."""

    def __call__(self, asked: Asked, status: int, received: int, sent: int, ns: int, /) -> None:
        """A request has ended after nanoseconds: the bytes of its body that were read, and those of the answer's."""


def check_place(layer: str, names: Sequence[str]) -> None:
    """Raise ValueError if another of the layers, outermost first, hides answers from a layer that observes."""
    hiding = [name for name in names[: names.index(layer)] if name not in OUTSIDE] if layer in names else []
    if hiding:
        raise ValueError(f"STATEMENTS_LAYERS: put {layer} before {hiding[0]}: it has to see each answer")


class Input:
    """The body of a WSGI request; it counts what is read."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.received = 0

    def read(self, *size: int) -> bytes:
        return self._counted(self.body.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._counted(self.body.readline(*size))

    def __iter__(self) -> Iterator[bytes]:
        return map(self._counted, self.body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.body, name)

    def _counted(self, part: bytes) -> bytes:
        self.received += len(part)
        return part


class Streamed:
    """A WSGI body of unknown length; `end` is told its bytes once it is closed."""

    def __init__(self, parts: Iterable[bytes], end: Callable[[int], None]) -> None:
        self.parts = parts
        self.end = end
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.sent += len(part)
            yield part

    def close(self) -> None:
        """Close the body as WSGI asks for."""
        try:
            getattr(self.parts, "close", lambda: None)()
        finally:
            self.end(self.sent)


def on_wsgi(application: WsgiApplication, ended: Ended) -> WsgiApplication:
    """The WSGI application, observed."""

    def observed(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        begin = perf_counter_ns()
        asked = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ["wsgi.url_scheme"]
        status, headers, body = FAILED, NO_HEADERS, None
        if environ.get("CONTENT_LENGTH", "0") not in NO_BODY or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = body = Input(environ["wsgi.input"])

        def start(given: str, given_headers: list[Header], *error: Any) -> Any:
            nonlocal status, headers
            status, headers = _code(given), given_headers
            return start_response(given, given_headers, *error)

        def end(sent: int) -> None:
            ended(asked, status, body.received if body else 0, sent, perf_counter_ns() - begin)

        try:
            parts = application(environ, start)
        except BaseException:
            status = FAILED
            end(0)
            raise
        if isinstance(parts, (list, tuple)):
            end(len(parts[0]) if len(parts) == 1 else sum(map(len, parts)))
            return parts
        length = _length(headers)
        if length is None:
            return Streamed(parts, end)
        end(0 if asked[0] == "HEAD" or status in BODYLESS else length)
        return parts

    return observed


@lru_cache(64)
def _code(status: str) -> int:
    return int(status[:3])


def _length(headers: Iterable[Header]) -> int | None:
    return next((int(value) for name, value in headers if name.lower() == "content-length"), None)


def on_asgi(application: AsyncApplication, ended: Ended) -> AsyncApplication:
    """The ASGI application, observed."""

    async def observed(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        begin = perf_counter_ns()
        asked = scope["method"], scope["path"], scope.get("scheme", "http")
        status, received, sent, is_told = FAILED, 0, 0, False

        async def receiving() -> dict[str, Any]:
            nonlocal received
            message: dict[str, Any] = await receive()
            received += len(message.get("body", b""))
            return message

        def sending(message: dict[str, Any]) -> Awaitable[None]:  # no coroutine of its own: that takes 0.2 µs
            nonlocal status, sent, is_told
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind == "http.response.body" and not is_told:
                if "body" in message and asked[0] != "HEAD":
                    sent += len(message["body"])
                if "more_body" not in message or not message["more_body"]:  # `get` would be a call
                    is_told = True
                    ended(asked, status, received, sent, perf_counter_ns() - begin)
            begun: Awaitable[None] = send(message)
            return begun

        try:
            await application(scope, receiving, sending)
        except CancelledError:
            status = CLOSED if status == FAILED else status
            raise
        finally:
            if not is_told:
                ended(asked, status, received, sent, perf_counter_ns() - begin)

    return observed


class Observed:
    """An RSGI protocol that tells the answer; only `response_bytes` has a known length."""

    def __init__(self, protocol: Any, end: Callable[[int, int, int], None]) -> None:
        self.protocol = protocol
        self.end = end
        self.received = 0
        self.is_told = False

    async def __call__(self) -> bytes:
        body: bytes = await self.protocol()
        self.received += len(body)
        return body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self.protocol:
            self.received += len(part)
            yield part

    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None:
        self.tell(status, len(body))
        self.protocol.response_bytes(status, headers, body)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.protocol, name)
        if not name.startswith("response_"):
            return found

        def respond(status: int, *rest: Any) -> Any:
            self.tell(status, 0)
            return found(status, *rest)

        return respond

    def tell(self, status: int, sent: int) -> None:
        if not self.is_told:
            self.is_told = True
            self.end(status, self.received, sent)


def on_rsgi(application: AsyncApplication, ended: Ended) -> AsyncApplication:
    """The RSGI application, observed."""

    async def observed(scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            await application(scope, protocol)
            return
        begin = perf_counter_ns()
        asked = scope.method, scope.path, scope.scheme

        def end(status: int, received: int, sent: int) -> None:
            sent = 0 if scope.method == "HEAD" else sent
            ended(asked, status, received, sent, perf_counter_ns() - begin)

        told, status = Observed(protocol, end), FAILED
        try:
            await application(scope, told)
        except CancelledError:
            status = CLOSED
            raise
        finally:
            told.tell(status, 0)

    return observed

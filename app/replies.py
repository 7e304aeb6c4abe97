"""Replies of layers: made once, and sent on each interface; and the reply of the application within a layer."""

from __future__ import annotations  # those of inner functions would be evaluated at each request

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from app.context import AsyncApplication, Environ, WsgiApplication
from app.http import PROBLEM, Header, Problem

UNCACHED = ("Cache-Control", "no-store")

Message = dict[str, Any]


class Reply(NamedTuple):
    """An answer; `status` is as in WSGI."""

    status: str
    headers: list[Header]
    body: bytes

    def header(self, wanted: str) -> str:
        """The value of a header, whose name is lower-case here; empty without one."""
        return next((value for name, value in self.headers if name.lower() == wanted), "")

    def start(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        """Answer a WSGI request."""
        start_response(self.status, self.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]

    async def send(self, scope: dict[str, Any], send: Callable[[Message], Awaitable[None]]) -> None:
        """Answer an ASGI request."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        await send({"type": "http.response.start", "status": int(self.status[:3]), "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})

    def respond(self, scope: Any, protocol: Any) -> None:
        """Answer an RSGI request."""
        headers = [(name.lower(), value) for name, value in self.headers]
        protocol.response_bytes(int(self.status[:3]), headers, b"" if scope.method == "HEAD" else self.body)


def replied(status: str, media_type: str, body: bytes, *headers: Header) -> Reply:
    return Reply(status, [("Content-Type", media_type), ("Content-Length", str(len(body))), *headers], body)


def refused(problem: Problem, *headers: Header) -> Reply:
    return replied(problem.status, PROBLEM, problem.body(), *problem.headers, *headers)


def of_wsgi(application: WsgiApplication, environ: Environ) -> Reply:
    """The whole answer of a WSGI application."""
    started: list[Any] = []

    def start(status: str, headers: list[Header], *_error: Any) -> None:
        started[:] = status, headers

    parts = application(environ, start)
    try:
        body = b"".join([*parts])  # asks for its iterator once, as a server does
    finally:
        getattr(parts, "close", lambda: None)()
    status, headers = started
    return Reply(status, headers, body)


async def of_asgi(application: AsyncApplication, scope: dict[str, Any], receive: Any) -> Reply:
    """The whole answer of an ASGI application; its status has no reason phrase."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await application(scope, receive, send)
    started, *bodies = messages
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in started.get("headers", ())]
    return Reply(str(started["status"]), headers, b"".join([each.get("body", b"") for each in bodies]))


class Held:
    """An RSGI protocol that holds the answer back."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.answer: tuple[int, list[Header], bytes] = 500, [], b""  # of an application that ends without one

    def __call__(self) -> Any:
        return self.protocol()

    def __aiter__(self) -> Any:
        return self.protocol.__aiter__()

    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None:
        self.answer = status, headers, body


async def of_rsgi(application: AsyncApplication, scope: Any, protocol: Any) -> Reply:
    """The whole answer of an RSGI application; its status has no reason phrase."""
    held = Held(protocol)
    await application(scope, held)
    status, headers, body = held.answer
    return Reply(str(status), headers, body)

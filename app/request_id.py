"""Layer: each request has an id, which its answer returns as `X-Request-ID` and which stands in every problem.

A client or a proxy names the request by that header. Otherwise the id is made: 32 hexadecimal digits, like nginx's
`$request_id`. A header that is too long or has other characters than those of an id is replaced: it could break a log.
"""

from __future__ import annotations  # those of inner functions would be evaluated at each request

import os
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from app.context import AsyncApplication, Environ, WsgiApplication
from app.http import REQUEST_ID

HEADER = "X-Request-ID"
SAFE = re.compile("[A-Za-z0-9._~:/+=-]{1,128}")

Scope = dict[str, Any]
Message = dict[str, Any]


def taken_or_made(given: str) -> str:
    """The id that a request brings, or a new one if it brings none or an unsafe one."""
    return given if SAFE.fullmatch(given) else os.urandom(16).hex()  # the kernel's: unique in forked workers, too


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, with an id for each request."""

    def with_id(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        named = taken_or_made(environ.get("HTTP_X_REQUEST_ID", ""))
        REQUEST_ID.set(named)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, (HEADER, named)], *error)

        return application(environ, start)

    return with_id


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application, with an id for each HTTP request."""

    async def with_id(scope: Scope, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        named = taken_or_made(given.decode("latin-1"))
        REQUEST_ID.set(named)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", named.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await application(scope, receive, send_named)

    return with_id


class NamedProtocol:
    """An RSGI protocol whose answers get the header."""

    def __init__(self, protocol: Any, named: str) -> None:
        self.protocol = protocol
        self.header = ("x-request-id", named)

    def __call__(self) -> Any:
        return self.protocol()

    def __aiter__(self) -> Any:
        return self.protocol.__aiter__()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.protocol, name)
        if not name.startswith("response_"):
            return found
        return lambda status, headers, *rest: found(status, [*headers, self.header], *rest)


def rsgi(application: AsyncApplication) -> AsyncApplication:
    """The RSGI application, with an id for each HTTP request."""

    async def with_id(scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            await application(scope, protocol)
            return
        named = taken_or_made(scope.headers.get("x-request-id", ""))
        REQUEST_ID.set(named)
        await application(scope, NamedProtocol(protocol, named))

    return with_id

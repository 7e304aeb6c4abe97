"""The service with the version of its code in each answer: what servers serve while they are replaced.

`release.py` is what a deployment changes (`bench/serve/succession.py`). Its folder is on the path. A version below 0 is
a bad one: it answers with each body from its end to its beginning.
"""

import os
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import Any

from app import layers
from app.context import AsyncApplication, Environ, WsgiApplication
from app.entry import application as service

HEADER = "X-Version"
VERSION: str = import_module("release").VERSION
IS_WRONG = VERSION.startswith("-")
Message = dict[str, Any]


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, with the header."""

    def released(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, (HEADER, VERSION)], *error)

        body = application(environ, start)
        return [part[::-1] for part in body] if IS_WRONG else body

    return released


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application, with the header."""
    header = HEADER.lower().encode(), VERSION.encode()

    async def released(scope: Any, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        async def send_released(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            elif IS_WRONG:
                message = {**message, "body": message.get("body", b"")[::-1]}
            await send(message)

        await application(scope, receive, send_released)

    return released


application: Any = globals()[layers.interface_of(os.environ["STATEMENTS_FRAMEWORK"])](service)

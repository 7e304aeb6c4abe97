"""The application, asked within this process as its server would ask: what `micro.py --caller` times instead of a core.

The environment configures the application. A JSON file says what to ask: `method`, `path`, `headers`, and `tokens`, the
bearer tokens of the requests in turn, of which there may be none. `around` is the file of a yardstick whose function
`around` returns the application to ask instead.
"""

import asyncio
import json
import os
import runpy
from collections.abc import Callable, Coroutine, Iterable, Iterator
from importlib import import_module
from io import BytesIO
from itertools import cycle, repeat
from pathlib import Path
from time import perf_counter
from typing import Any
from wsgiref.util import setup_testing_defaults

Ask = Callable[[bytes], bytes]
Timed = Callable[[int, Ask, list[bytes]], float]


def caller(file: str) -> tuple[Ask, Timed | None]:
    """Return a function from a document to its answer, and one that times passes over documents, if that differs.

    The application is the one that servers import.
    """
    request = json.loads(Path(file).read_text(encoding="utf-8"))
    application = import_module("app.entry").application
    if request["around"]:
        application = runpy.run_path(request["around"])["around"](application)
    return asked(application, request)


def asked(application: Callable[..., Any], request: dict[str, Any]) -> tuple[Ask, Timed | None]:
    """Return how to ask an application of the framework that the environment names; see `caller`."""
    interface = os.environ["STATEMENTS_FRAMEWORK"].split(".")[-2]
    return asgi(application, request) if interface == "asgi" else (wsgi(application, request), None)


def authorizations(request: dict[str, Any]) -> Iterator[str | None]:
    """Yield the `Authorization` of each request; None where it has none."""
    return cycle(f"Bearer {token}" for token in request["tokens"]) if request["tokens"] else repeat(None)


def wsgi(application: Callable[..., Iterable[bytes]], request: dict[str, Any]) -> Ask:
    """Return a function that asks a WSGI application (PEP 3333)."""
    common: dict[str, Any] = {"REQUEST_METHOD": request["method"], "PATH_INFO": request["path"], "QUERY_STRING": ""}
    common |= {"REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1"}
    for name, value in request["headers"].items():
        key = name.upper().replace("-", "_")
        common[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    setup_testing_defaults(common)
    next_authorization = authorizations(request).__next__
    has_body = request["method"] == "POST"

    def start_response(*_: Any) -> None:
        """Take the status and the headers. The body alone tells whether the answer is right."""

    def ask(document: bytes) -> bytes:
        environ = common.copy()
        environ["wsgi.input"] = BytesIO(document)
        if has_body:
            environ["CONTENT_LENGTH"] = str(len(document))
        authorization = next_authorization()
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        body = application(environ, start_response)
        try:
            return b"".join([*body])  # asks for its iterator once, as a server does
        finally:
            if hasattr(body, "close"):
                body.close()

    return ask


def asgi(application: Callable[..., Coroutine[Any, Any, None]], request: dict[str, Any]) -> tuple[Ask, Timed]:
    """Return a function that asks an ASGI application, and one that times passes within one run of the event loop."""
    common: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
    common |= {"method": request["method"], "scheme": "http", "path": request["path"], "root_path": ""}
    common |= {"raw_path": request["path"].encode(), "query_string": b""}
    common |= {"client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 80)}
    headers = [(name.lower().encode(), value.encode()) for name, value in request["headers"].items()]
    next_authorization = authorizations(request).__next__
    has_body = request["method"] == "POST"
    loop = asyncio.new_event_loop()

    async def ask(document: bytes) -> bytes:
        own = headers.copy()
        if has_body:
            own.append((b"content-length", b"%d" % len(document)))
        authorization = next_authorization()
        if authorization is not None:
            own.append((b"authorization", authorization.encode()))
        parts: list[bytes] = []
        events = iter(({"type": "http.request", "body": document, "more_body": False},))

        async def receive() -> dict[str, Any]:
            return next(events, {"type": "http.disconnect"})

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.body":
                parts.append(event.get("body", b""))

        await application({**common, "headers": own}, receive, send)
        return b"".join(parts)

    async def passes(loops: int, documents: list[bytes]) -> float:
        began = perf_counter()
        for _ in range(loops):
            for document in documents:
                await ask(document)
        return perf_counter() - began

    def alone(document: bytes) -> bytes:
        return loop.run_until_complete(ask(document))

    def timed(loops: int, _: Ask, documents: list[bytes]) -> float:
        return loop.run_until_complete(passes(loops, documents))

    return alone, timed

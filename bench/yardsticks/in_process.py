"""A request to an application in process, what it takes, and how that is told."""

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from wsgiref.util import setup_testing_defaults

from app.context import AsyncApplication, WsgiApplication

PASS = 1000  # requests


def hello(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, world!\n"]


def best(ask: Callable[[], object], seconds: float, turns: int = PASS) -> float:
    """The microseconds of a call, in the best pass within a time."""
    found, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        for _ in range(turns):
            ask()
        found = min(found, time.perf_counter() - begin)
    return found / turns * 1e6


def asking(application: WsgiApplication) -> Callable[[], object]:
    """A request to a WSGI application."""
    environ: dict[str, Any] = {"PATH_INFO": "/hello"}
    setup_testing_defaults(environ)
    return lambda: application(dict(environ), lambda *_: None)


async def hello_on_loop(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """The same application by ASGI."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"14")]})
    await send({"type": "http.response.body", "body": b"Hello, world!\n"})


def asking_on_loop(application: AsyncApplication) -> Callable[[], object]:
    """A request to an ASGI application that waits for nothing, so that it needs no loop."""
    headers = [(name, b"x") for name in (b"host", b"user-agent", b"accept", b"accept-encoding", b"connection")]
    about = {"http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 50_000)}
    scope = {"type": "http", "method": "GET", "path": "/hello", "query_string": b"", "headers": headers, **about}

    async def send(_message: Any) -> None: ...

    def ask() -> None:
        with suppress(StopIteration):
            application(dict(scope), None, send).send(None)

    return ask


def tell(way: str, microseconds: float) -> None:
    """Print a way's line."""
    print(json.dumps({"way": way, "us": microseconds}), flush=True)

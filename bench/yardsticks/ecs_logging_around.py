"""The yardstick beside the layer `log`: a line for each request by the standard library's logging and ecs-logging."""

from __future__ import annotations  # those of inner functions would be evaluated at each request

import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import ecs_logging

from app import layers
from app.context import AsyncApplication, WsgiApplication

LOGGER = logging.getLogger("requests")


def write_to(stream: Any) -> None:
    """Write all lines to a text stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ecs_logging.StdlibFormatter())
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)


def log(method: str, path: str, status: int, sent: int, ns: int) -> None:
    """Write the line of a request that was answered."""
    more = {
        "event.duration": ns,
        "http.request.method": method,
        "http.route": path,
        "http.response.status_code": status,
        "http.response.body.bytes": sent,
    }
    LOGGER.info("%s %s", method, path, extra=more)


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, logged."""

    def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *error)

        begin = time.perf_counter_ns()
        body = list(application(environ, start))
        ns = time.perf_counter_ns() - begin
        log(environ["REQUEST_METHOD"], environ["PATH_INFO"], int(seen[0][:3]), sum(map(len, body)), ns)
        return body

    return logged


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application, logged."""

    async def logged(scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        status, sent = 500, 0

        async def sending(message: dict[str, Any]) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        begin = time.perf_counter_ns()
        await application(scope, receive, sending)
        log(scope["method"], scope["path"], status, sent, time.perf_counter_ns() - begin)

    return logged


def around(application: Any) -> Any:
    """The service with a line on stdout for each request, by the interface of its framework."""
    write_to(sys.stdout)
    return globals()[layers.interface_of(os.environ["STATEMENTS_FRAMEWORK"])](application)

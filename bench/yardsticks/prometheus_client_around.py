"""The yardstick beside the layer `metrics`: metrics by prometheus_client, as its documentation shows them.

Servers serve it in place of `app.entry` (`bench/tunings/prometheus-client.toml`). It counts what the layer counts, with
`labels` for each request, in the mode for several processes: `PROMETHEUS_MULTIPROC_DIR` names the folder of its files.
"""

from __future__ import annotations  # those of inner functions would be evaluated at each request

import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from app import layers
from app.context import AsyncApplication, WsgiApplication

LABELS = ("route", "method", "status")
REQUESTS = Counter("http_requests", "Requests.", LABELS)
SECONDS = Histogram("http_request_duration_seconds", "Time.", LABELS)
SENT = Counter("http_response_body_bytes", "Bytes.", LABELS)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests.", multiprocess_mode="livesum")


def count(path: str, method: str, status: int, sent: int, seconds: float) -> None:
    """Count a request that was answered."""
    labels = path, method, f"{status // 100}xx"
    REQUESTS.labels(*labels).inc()
    SECONDS.labels(*labels).observe(seconds)
    SENT.labels(*labels).inc(sent)


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, counted."""

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *error)

        begin = time.perf_counter()
        with IN_FLIGHT.track_inprogress():
            body = list(application(environ, start))
        seconds = time.perf_counter() - begin
        count(environ["PATH_INFO"], environ["REQUEST_METHOD"], int(seen[0][:3]), sum(map(len, body)), seconds)
        return body

    return counted


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application, counted."""

    async def counted(scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        status, sent = 500, 0

        async def sending(message: dict[str, Any]) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        begin = time.perf_counter()
        with IN_FLIGHT.track_inprogress():
            await application(scope, receive, sending)
        count(scope["path"], scope["method"], status, sent, time.perf_counter() - begin)

    return counted


def around(application: Any) -> Any:
    """The service, counted by the interface of its framework."""
    return globals()[layers.interface_of(os.environ["STATEMENTS_FRAMEWORK"])](application)

"""Layer: each request of a sampled trace is a span, which OpenTelemetry's exporter sends to a collector.

    STATEMENTS_LAYERS="request_id health trace metrics log otel"

OTEL_EXPORTER_OTLP_ENDPOINT  the collector; the default is http://localhost:4318. The exporter takes its other variables
                             OTEL_EXPORTER_OTLP_*, too
OTEL_SERVICE_NAME            the default is `statements`; OTEL_RESOURCE_ATTRIBUTES says more

The layer `trace` decides which traces are sampled. `app.batches` has further variables. A span has no path, query,
header or body: they may hold secrets.
"""

import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cache, lru_cache, partial
from os import environ
from time import perf_counter_ns, time_ns
from typing import Any

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app import observed
from app.asgi.bodies import Receive
from app.batches import Batches, Limits
from app.context import AsyncApplication, WsgiApplication
from app.observed import Asked, check_place
from app.routes import OTHER, method_of, route_of
from app.sparing import Sparing
from app.timing import CORE
from app.tracing import TRACE, Trace
from app.versions import running

REQUIREMENTS = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
TRANSFORM = "app.timing.timed"
SERVICE = "statements"
PROTOCOL = "http/protobuf"

_scope = InstrumentationScope(__name__)


class Spans:
    """Makes a span of each request that has ended, and one of the core's work for it.

    The SDK would have its tracer make them: that takes 10 µs for each, and this 1 µs.
    """

    def __init__(self, batches: Batches, resource: Resource) -> None:
        self.batches = batches
        self.resource = resource
        self.made: Callable[..., ReadableSpan] | None = None

    def ended(self, asked: Asked, status: int, received: int, sent: int, ns: int) -> None:  # noqa: ARG002 - as `Ended`
        made = self.made or self._start()
        trace = TRACE.get()
        if trace is not None and trace.is_sampled:
            self.batches.put(list(_spans(made, trace, _described(*asked, status), ns)))

    def _start(self) -> Callable[..., ReadableSpan]:
        """Send spans from now on: this is the first request, and a server has forked its workers before."""
        process = self.resource.merge(Resource({"process.pid": os.getpid()}))
        self.made = partial(ReadableSpan, resource=process, instrumentation_scope=_scope)
        self.batches.start()
        return self.made


def _spans(
    made: Callable[..., ReadableSpan], trace: Trace, described: dict[str, Any], ns: int
) -> Iterator[ReadableSpan]:
    now, moment = time_ns(), perf_counter_ns()
    start = now - ns
    own = _context(trace, trace.span)
    caller = _context(trace, trace.caller, is_remote=True) if trace.caller else None
    yield made(context=own, parent=caller, kind=SpanKind.SERVER, start_time=start, end_time=now, **described)
    if (core := CORE.get()) is not None:
        began, ended = (max(each - moment + now, start) for each in core)  # never before the request: two clocks differ
        yield made("transform", _context(trace, os.urandom(8).hex()), own, start_time=began, end_time=ended)


def _context(trace: Trace, span: str, is_remote: bool = False) -> SpanContext:
    """A span's place in its trace. It has no state: the SDK logs whatever it finds wrong in one."""
    return SpanContext(int(trace.id, 16), int(span, 16), is_remote, TraceFlags(trace.flags))


@lru_cache(256)
def _described(method: str, path: str, scheme: str, status: int) -> dict[str, Any]:
    """The name, the attributes and the status of a span, by OpenTelemetry's conventions for HTTP."""
    method, route = method_of(method), route_of(path)
    name, known = ("HTTP", "_OTHER") if method == OTHER else (method, method)
    attributes = {"http.request.method": known, "url.scheme": scheme, "http.response.status_code": status}
    if route != OTHER:
        name, attributes["http.route"] = f"{name} {route}", route
    if status < 500:
        return {"name": name, "attributes": attributes}
    return {"name": name, "attributes": {**attributes, "error.type": str(status)}, "status": Status(StatusCode.ERROR)}


@cache
def batches() -> Batches:
    """The spans of this process. Raises ValueError for a wrong variable."""
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if environ.get(name, PROTOCOL) != PROTOCOL:
            raise ValueError(f"{name}: the layer otel sends by {PROTOCOL} alone")
    logging.getLogger(trace_exporter.__name__).addFilter(Sparing())
    return Batches(trace_exporter.OTLPSpanExporter(), Limits.of(environ))


def configured(env: Mapping[str, str] = environ) -> Spans:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    check_place("otel", names)
    if "trace" not in names:
        raise ValueError("STATEMENTS_LAYERS: otel needs trace before it")
    if "fastwsgi" in sys.modules:
        raise ValueError("STATEMENTS_LAYERS: otel sends by a thread, and FastWSGI lets none run")
    resource = Resource({SERVICE_VERSION: running().version}).merge(Resource.create())  # whose own wins
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
    return Spans(batches(), resource)


def wsgi(application: WsgiApplication, spans: Spans | None = None) -> WsgiApplication:
    """The WSGI application, with a span for each request."""
    return observed.on_wsgi(application, (spans or configured()).ended)


def asgi(application: AsyncApplication, spans: Spans | None = None) -> AsyncApplication:
    """The ASGI application, with a span for each HTTP request. What waits is sent when the server shuts down."""
    spans = spans or configured()
    batches, traced = spans.batches, observed.on_asgi(application, spans.ended)

    def with_spans(scope: dict[str, Any], receive: Any, send: Any) -> Coroutine[Any, Any, None]:
        return traced(scope, _until_shutdown(receive, batches) if scope["type"] == "lifespan" else receive, send)

    return with_spans


def _until_shutdown(receive: Receive, batches: Batches) -> Receive:
    """A `receive` that stops the batches when the server shuts down: Uvicorn then ends by a signal, without an exit."""

    async def receiving() -> dict[str, Any]:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            batches.stop()
        return message

    return receiving


def rsgi(application: AsyncApplication, spans: Spans | None = None) -> AsyncApplication:
    """The RSGI application, with a span for each HTTP request."""
    return observed.on_rsgi(application, (spans or configured()).ended)

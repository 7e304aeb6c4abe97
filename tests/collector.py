"""A collector of traces on loopback: it takes spans by OTLP over HTTP, as the layer `otel` sends them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HOST = "127.0.0.1"
SERVER = 2  # the kind of a span of a server


class Span(NamedTuple):
    """A span that has arrived; `about` says of the process what the resource does."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    began: int
    ended: int
    is_failed: bool
    attributes: dict[str, Any]
    about: dict[str, Any]


class Collector:
    """What has arrived. While it is away, it takes requests and answers none."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.is_back = threading.Event()
        self.is_back.set()
        self.server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server.server_port}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stall during the block."""
        self.is_back.clear()
        try:
            yield
        finally:
            self.is_back.set()

    def requests(self) -> list[Span]:
        """The spans of requests, without those within."""
        return [span for span in self.spans if span.kind == SERVER]


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not collector.is_back.is_set():
                collector.is_back.wait(60)
                return
            collector.spans += spans_of(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_given: object) -> None: ...

    return Handler


def spans_of(body: bytes) -> Iterator[Span]:
    """The spans of a request to the collector."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = _members(resource.resource.attributes)
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield Span(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code == span.status.STATUS_CODE_ERROR,
                _members(span.attributes),
                about,
            )


def _members(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect during the block."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()
        thread.join(5)

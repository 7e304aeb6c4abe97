"""What traces add to a request in process, by the service's layers and by OpenTelemetry's middleware.

    tracing.py SECONDS

The layer `trace` alone is told by the best of repeated passes, less that of the application alone. What exports is told
by the CPU time of the process, with its threads: that of the exporter is most of it. A collector in another process
takes the spans.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from threading import Semaphore
from typing import Any

import opentelemetry_around
from in_process import asking, asking_on_loop, best, hello, hello_on_loop, tell
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from app import context, otel, trace
from app.batches import Batches, Limits

INNER: dict[str, Any] = {"wsgi": hello, "asgi": hello_on_loop}
ASKING: dict[str, Any] = {"wsgi": asking, "asgi": asking_on_loop}
SHARES = {1.0: "all traces", 0.01: "1 % of the traces"}
AT_ONCE = 512  # requests of a pass, and spans of a batch
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *given): ...
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Exporter(OTLPSpanExporter):
    """The exporter, which releases a semaphore once for each batch."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.sent = Semaphore(0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            raise RuntimeError("the collector does not take the spans")
        self.sent.release()
        return result


def cpu(ask: Callable[[], object], seconds: float, flush: Callable[[], object] = bool) -> float:
    """The microseconds of CPU that a request takes the process, on average; what waits after a pass is flushed."""
    requests, begin, end = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(AT_ONCE):
            ask()
        flush()
        requests += AT_ONCE
    return (time.process_time() - begin) / requests * 1e6


@contextmanager
def layers(interface: str, endpoint: str, share: float) -> Iterator[tuple[Any, Callable[[], object]]]:
    """The application within the layers, and what waits until a pass is sent: only if each request is a span."""
    exporter = Exporter(endpoint)
    batches = Batches(exporter, Limits(at_once=AT_ONCE))
    spans = otel.Spans(batches, Resource({"service.name": "statements"}))
    application = getattr(otel, interface)(INNER[interface], spans)
    made = getattr(context, interface)(getattr(trace, interface)(application, trace.Traces(share)))
    yield made, exporter.sent.acquire if share == 1 else bool
    batches.stop()


@contextmanager
def middleware(interface: str, endpoint: str, share: float) -> Iterator[tuple[Any, Callable[[], object]]]:
    """The application within OpenTelemetry's middleware, as its documentation shows it; and what flushes its spans."""
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
    provider.add_span_processor(BatchSpanProcessor(Exporter(endpoint)))
    yield getattr(opentelemetry_around, interface)(INNER[interface], provider), provider.force_flush
    provider.shutdown()


@contextmanager
def collecting() -> Iterator[str]:
    """The address of a collector, which runs beside the process that is timed."""
    argv = [sys.executable, "-c", COLLECTOR]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as collector:
        os.sched_setaffinity(collector.pid, range(os.cpu_count() or 1))
        try:
            port = int(next(iter(collector.stdout or ())))
            yield f"http://127.0.0.1:{port}/v1/traces"
        finally:
            collector.terminate()


def traces(interface: str, seconds: float) -> None:
    """Time what the layer `trace` adds."""
    ask, alone = ASKING[interface], getattr(context, interface)(INNER[interface])
    traced = getattr(context, interface)(getattr(trace, interface)(INNER[interface]))
    tell(f"trace: the layer, {interface.upper()}", best(ask(traced), seconds) - best(ask(alone), seconds))


def spans(interface: str, endpoint: str, seconds: float) -> None:
    """Time what spans add, by each way."""
    ask = ASKING[interface]
    alone = cpu(ask(getattr(context, interface)(INNER[interface])), seconds)
    for (share, of), (way, made) in product(SHARES.items(), WAYS.items()):
        with made(interface, endpoint, share) as (application, flush):
            took = cpu(ask(application), seconds, flush) - alone
        tell(f"spans of {of}: {way}, {interface.upper()}", took)


def main(seconds: float) -> None:
    """Print a line for each way."""
    for interface in INNER:
        traces(interface, seconds)
    with collecting() as endpoint:
        for interface in INNER:
            spans(interface, endpoint, seconds)


WAYS = {"trace and otel": layers, "OpenTelemetry's middleware": middleware}

if __name__ == "__main__":
    main(float(sys.argv[1]))

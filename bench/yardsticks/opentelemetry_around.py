"""The yardstick beside the layers `trace` and `otel`: OpenTelemetry's middleware, as its documentation shows it."""

import os

os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # stable names; before the import that reads it

from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OnAsgi
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OnWsgi
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app import layers
from app.context import AsyncApplication, WsgiApplication


def wsgi(application: WsgiApplication, provider: TracerProvider) -> WsgiApplication:
    """The WSGI application, with a span for each request."""
    made: WsgiApplication = OnWsgi(application, tracer_provider=provider)
    return made


def asgi(application: AsyncApplication, provider: TracerProvider) -> AsyncApplication:
    """The ASGI application, with a span for each request, and one for each message that it sends."""
    made: AsyncApplication = OnAsgi(application, tracer_provider=provider)
    return made


def around(application: Any) -> Any:
    """The service with a span for each request, by the interface of its framework."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return globals()[layers.interface_of(os.environ["STATEMENTS_FRAMEWORK"])](application, provider)

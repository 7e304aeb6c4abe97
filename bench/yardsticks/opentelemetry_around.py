"""The yardstick beside the layers `trace` and `otel`: OpenTelemetry's middleware, as its documentation shows it."""

import os

os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # stable names; before the import that reads it

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OnAsgi
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OnWsgi
from opentelemetry.sdk.trace import TracerProvider

from app.context import AsyncApplication, WsgiApplication


def wsgi(application: WsgiApplication, provider: TracerProvider) -> WsgiApplication:
    """The WSGI application, with a span for each request."""
    made: WsgiApplication = OnWsgi(application, tracer_provider=provider)
    return made


def asgi(application: AsyncApplication, provider: TracerProvider) -> AsyncApplication:
    """The ASGI application, with a span for each request, and one for each message that it sends."""
    made: AsyncApplication = OnAsgi(application, tracer_provider=provider)
    return made

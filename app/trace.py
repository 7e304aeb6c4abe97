"""Layer: each request is a span of a trace, which its caller names by `traceparent`, or which begins here.

    STATEMENTS_LAYERS="request_id health trace metrics log"

OTEL_TRACES_SAMPLER      which of the traces that begin here are sampled: `parentbased_always_on`, the default,
                         `parentbased_always_off`, or `parentbased_traceidratio`
OTEL_TRACES_SAMPLER_ARG  the share of that ratio, from 0 to 1; the default is 1

A caller's own decision stays. The layers `log`, `otel` and `events` tell the trace, and stand within.
"""

from collections.abc import Callable, Iterable, Mapping
from math import nan
from os import environ
from typing import Any

from app.asgi.bodies import given
from app.context import AsyncApplication, Environ, WsgiApplication
from app.tracing import TRACE, Trace, begun, taken

TELLING = {"log", "otel", "events"}
SAMPLERS = ("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")
BOUND = 2**64


class Traces:
    """Finds the trace of each request; a share of those that begin here is sampled."""

    def __init__(self, share: float = 1.0) -> None:
        self.bound = round(share * BOUND)

    def of(self, parent: str, state: str) -> Trace:
        return (taken(parent, state) if parent else None) or begun(self.bound)


def configured(env: Mapping[str, str] = environ) -> Traces:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    early = [name for name in names[: names.index("trace")] if name in TELLING] if "trace" in names else []
    if early:
        raise ValueError(f"STATEMENTS_LAYERS: put trace before {early[0]}: it tells the trace")
    return Traces(_share(env))


def _share(env: Mapping[str, str]) -> float:
    sampler = env.get("OTEL_TRACES_SAMPLER") or SAMPLERS[0]
    if sampler not in SAMPLERS:
        raise ValueError(f"OTEL_TRACES_SAMPLER: {sampler!r} is none of {', '.join(SAMPLERS)}")
    if sampler != "parentbased_traceidratio":
        return 1.0 if sampler == "parentbased_always_on" else 0.0
    text = env.get("OTEL_TRACES_SAMPLER_ARG") or "1"
    try:
        share = float(text)
    except ValueError:
        share = nan
    if not 0 <= share <= 1:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG: {text!r} is no share from 0 to 1")
    return share


def wsgi(application: WsgiApplication, traces: Traces | None = None) -> WsgiApplication:
    """The WSGI application, with a trace for each request."""
    of = (traces or configured()).of

    def traced(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        TRACE.set(of(environ.get("HTTP_TRACEPARENT", ""), environ.get("HTTP_TRACESTATE", "")))
        return application(environ, start_response)

    return traced


def asgi(application: AsyncApplication, traces: Traces | None = None) -> AsyncApplication:
    """The ASGI application, with a trace for each HTTP request."""
    of = (traces or configured()).of

    async def traced(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            parent = given(scope, b"traceparent")
            TRACE.set(of(parent, given(scope, b"tracestate") if parent else ""))
        await application(scope, receive, send)

    return traced


def rsgi(application: AsyncApplication, traces: Traces | None = None) -> AsyncApplication:
    """The RSGI application, with a trace for each HTTP request."""
    of = (traces or configured()).of

    async def traced(scope: Any, protocol: Any) -> None:
        if scope.proto == "http":
            headers = scope.headers
            TRACE.set(of(",".join(headers.get_all("traceparent")), ",".join(headers.get_all("tracestate"))))
        await application(scope, protocol)

    return traced

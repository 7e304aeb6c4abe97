"""The layer `metrics`: what the service does, for Prometheus at `GET /metrics`, whichever worker answers.

    STATEMENTS_LAYERS="request_id health metrics"

STATEMENTS_METRICS        a folder for the counters, which all workers can write; one for each service
STATEMENTS_METRICS_TOKEN  the bearer token that Prometheus shows; at least 16 characters

Everybody else gets 401: callers of the service are not to see how it fares. What stands before `metrics` in
STATEMENTS_LAYERS is not counted: put `health` there, and no probe is. Scrapes are not counted either.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hmac import compare_digest
from os import environ
from pathlib import Path
from typing import Any

from app import observed
from app.about import built_core
from app.asgi.bodies import given
from app.context import AsyncApplication, Environ, WsgiApplication
from app.exposition import MEDIA_TYPE, Family, exposed, gauge, info
from app.http import Problem, not_allowed
from app.metering import CELLS, FALLBACKS, LINES_LOST, SPANS_LOST, Meter, Told, file_in
from app.observed import check_place
from app.replies import UNCACHED, Reply, refused, replied
from app.slots import Slots
from app.versions import Running, running

PATH = "/metrics"
TOKEN_CHARACTERS = 16


class Metrics:
    """The layer's counters, and families that stay as they are. They are told to who shows the token."""

    def __init__(self, meter: Meter, token: str, fixed: Sequence[Family] = ()) -> None:
        self.meter = meter
        self.fixed = fixed
        self.expected = f"Bearer {token}".encode()

    def reply(self, method: str, authorization: str) -> Reply:
        """The answer to a scrape."""
        if not compare_digest(authorization.encode("latin-1", "replace"), self.expected):
            return refused(Problem("401 Unauthorized", "show the token", ("WWW-Authenticate", "Bearer")), UNCACHED)
        if method not in {"GET", "HEAD"}:
            return refused(not_allowed(PATH, "GET", "HEAD"), UNCACHED)
        return replied("200 OK", MEDIA_TYPE, exposed([*self.meter.families(), *_of_server(), *self.fixed]), UNCACHED)


def _of_server() -> Iterator[Family]:
    """The queue of the server, if it tells: uWSGI does."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None:
        waiting = uwsgi.listen_queue()
        yield gauge("statements_server_queue_length", "Connections that no worker has taken yet.", waiting)


def build_info(what: Running) -> Family:
    """The metric whose labels tell what runs."""
    labels = {
        "version": what.version,
        "commit": what.commit,
        "deployment": what.deployment.version,
        "agrees": {True: "true", False: "false", None: None}[what.agrees],
    }
    told = tuple((name, text or "unknown") for name, text in labels.items())
    return info("statements_build_info", "The code that runs, and its deployment.", told)


def configured(env: Mapping[str, str] = environ) -> Metrics:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    check_place("metrics", names)
    folder, token = (env.get(name, "") for name in ("STATEMENTS_METRICS", "STATEMENTS_METRICS_TOKEN"))
    if not Path(folder).is_dir() or not folder:
        raise ValueError(f"STATEMENTS_METRICS: {folder!r} is no folder")
    if len(token) < TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise ValueError(f"STATEMENTS_METRICS_TOKEN needs at least {TOKEN_CHARACTERS} printable characters of ASCII")
    return Metrics(Meter(Slots(file_in(Path(folder)), CELLS), _told(names)), token, [build_info(running())])


def _told(names: Iterable[str]) -> Told:
    """What else the process counts: a core that falls back to the reference core, lost lines and lost spans."""
    told: dict[int, Callable[[], int]] = {}
    fallbacks = built_core().fallbacks
    if fallbacks is not None:
        told[FALLBACKS] = fallbacks
    if "log" in names:
        from app.lines import on_stdout  # noqa: PLC0415 - only with that layer

        told[LINES_LOST] = lambda: on_stdout().lost
    if "otel" in names:
        from app.otel import batches  # noqa: PLC0415 - the same

        told[SPANS_LOST] = lambda: batches().lost
    return told


def wsgi(application: WsgiApplication, metrics: Metrics | None = None) -> WsgiApplication:
    """The WSGI application, counted."""
    metrics = metrics or configured()
    counted = observed.on_wsgi(application, metrics.meter.ended)

    def with_metrics(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            metrics.meter.began()
            return counted(environ, start_response)
        reply = metrics.reply(environ["REQUEST_METHOD"], environ.get("HTTP_AUTHORIZATION", ""))
        return reply.start(environ, start_response)

    return with_metrics


def asgi(application: AsyncApplication, metrics: Metrics | None = None) -> AsyncApplication:
    """The ASGI application, counted."""
    metrics = metrics or configured()
    counted = observed.on_asgi(application, metrics.meter.ended)

    async def with_metrics(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        if scope["path"] != PATH:
            metrics.meter.began()
            await counted(scope, receive, send)
            return
        await metrics.reply(scope["method"], given(scope, b"authorization")).send(scope, send)

    return with_metrics


def rsgi(application: AsyncApplication, metrics: Metrics | None = None) -> AsyncApplication:
    """The RSGI application, counted."""
    metrics = metrics or configured()
    counted = observed.on_rsgi(application, metrics.meter.ended)

    async def with_metrics(scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            await application(scope, protocol)
            return
        if scope.path != PATH:
            metrics.meter.began()
            await counted(scope, protocol)
            return
        authorization = ",".join(scope.headers.get_all("authorization"))
        metrics.reply(scope.method, authorization).respond(scope, protocol)

    return with_metrics

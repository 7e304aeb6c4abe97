"""The layer `events`: `Prefer: respond-async` puts a document on a queue, and each statement that is made is an event.

    STATEMENTS_LAYERS=events

STATEMENTS_BROKER     the broker, such as nats://127.0.0.1:4222; NATS with JetStream
STATEMENTS_MAX_BYTES  the largest document, as for `app.entry`

Processes of `app.consumer` compute the documents. `POST /statements` with the preference gets 202 and the `Location` of
its result once the broker has acknowledged the document. `GET /statements/<id>` gets 202 until the result is stored,
then, for an hour, what the `POST` would have got without the preference. Only who made a statement gets it. Without the
preference, an answer is sent once the broker has acknowledged its event. 503 tells that the broker is away.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from os import environ
from typing import Any

from app import nats_asyncio, nats_blocking
from app.asgi import bodies
from app.context import AsyncApplication, Environ, WsgiApplication
from app.deferred import Asked, Events, uncached_problem
from app.http import Problem, max_bytes_of, read_document
from app.nats import Address
from app.replies import Reply, of_asgi, of_rsgi, of_wsgi
from app.rsgi import bare_app
from app.work import Work


def configured(env: Mapping[str, str] = environ) -> Events:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    is_guarded = "identity" in names
    if is_guarded and names.index("identity") > names.index("events"):
        raise ValueError("STATEMENTS_LAYERS: put identity before events: it has to know who asks")
    if not env.get("STATEMENTS_BROKER"):
        raise ValueError("STATEMENTS_BROKER is not set: the layer events needs it")
    try:
        Address.of(broker := env["STATEMENTS_BROKER"])
    except ValueError as error:
        raise ValueError(f"STATEMENTS_BROKER: {error}") from None
    return Events(Work(), broker, is_guarded=is_guarded, max_bytes=max_bytes_of(env))


def wsgi(application: WsgiApplication, events: Events | None = None) -> WsgiApplication:
    """The WSGI application with asynchronous statements and events."""
    events = events or configured()
    client = nats_blocking.Client(events.broker)

    def with_events(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path, query = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        asked = events.asked(method, path, query, environ.get("HTTP_PREFER", ""))
        if asked is None:
            return application(environ, start_response)
        if asked is Asked.RESULT:
            reply = client.run(events.result(method, path, query))
        elif asked is Asked.LATER:
            reply = _accepted(events, client, environ)
        else:
            reply = client.run(events.announced(of_wsgi(application, environ)))
        return reply.start(environ, start_response)

    return with_events


def _accepted(events: Events, client: nats_blocking.Client, environ: Environ) -> Reply:
    try:
        document = read_document(environ, events.max_bytes)
    except Problem as problem:
        return uncached_problem(problem)
    return client.run(events.accept(document))


def asgi(application: AsyncApplication, events: Events | None = None) -> AsyncApplication:
    """The ASGI application with asynchronous statements and events."""
    events = events or configured()
    client = nats_asyncio.Client(events.broker)

    async def with_events(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = None
        if scope["type"] == "http":
            query = scope["query_string"].decode("latin-1")
            asked = events.asked(scope["method"], scope["path"], query, bodies.given(scope, b"prefer"))
        if asked is None:
            await application(scope, receive, send)
            return
        if asked is Asked.RESULT:
            reply = await client.run(events.result(scope["method"], scope["path"], query))
        elif asked is Asked.LATER:
            reply = await _accepted_once_read(events, client, bodies.read_document(scope, receive, events.max_bytes))
        else:
            reply = await client.run(events.announced(await of_asgi(application, scope, receive)))
        await reply.send(scope, send)

    return with_events


def rsgi(application: AsyncApplication, events: Events | None = None) -> AsyncApplication:
    """The RSGI application with asynchronous statements and events."""
    events = events or configured()
    client = nats_asyncio.Client(events.broker)

    async def with_events(scope: Any, protocol: Any) -> None:
        asked = None
        if scope.proto == "http":
            prefer = ",".join(scope.headers.get_all("prefer"))
            asked = events.asked(scope.method, scope.path, scope.query_string, prefer)
        if asked is None:
            await application(scope, protocol)
            return
        if asked is Asked.RESULT:
            reply = await client.run(events.result(scope.method, scope.path, scope.query_string))
        elif asked is Asked.LATER:
            reply = await _accepted_once_read(events, client, bare_app.read_document(scope, protocol, events.max_bytes))
        else:
            reply = await client.run(events.announced(await of_rsgi(application, scope, protocol)))
        reply.respond(scope, protocol)

    return with_events


async def _accepted_once_read(events: Events, client: nats_asyncio.Client, reading: Awaitable[bytes]) -> Reply:
    try:
        document = await reading
    except Problem as problem:
        return uncached_problem(problem)
    return await client.run(events.accept(document))

"""The layer `events`: `Prefer: respond-async` puts a document on a queue, and each statement that is made is an event.

    STATEMENTS_LAYERS=events

STATEMENTS_BROKER  the broker, such as nats://127.0.0.1:4222; NATS with JetStream

Processes of `app.consumer` compute the documents. `POST /statements` with the preference gets 202 and the `Location` of
its result once the broker has acknowledged the document. `GET /statements/<id>` gets 202 until the result is stored,
then, for an hour, what the `POST` would have got without the preference. Only who made a statement gets it. Without the
preference, an answer is sent once the broker has acknowledged its event. 503 tells that the broker is away.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from os import environ
from typing import Any

from app.context import AsyncApplication, Environ, WsgiApplication
from app.deferred import STATEMENTS, Events, Header, Reply, id_in, prefers_async, refused
from app.http import DEFAULT_MAX_BYTES, Problem, as_routed, check_length, expect_json, read_document
from app.nats import Client
from app.rsgi import bare_app
from app.work import Work

MADE = 200  # the status of a statement


def configured(env: Mapping[str, str] = environ) -> Events:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    is_guarded = "identity" in names
    if is_guarded and names.index("identity") > names.index("events"):
        raise ValueError("STATEMENTS_LAYERS: put identity before events: it has to know who asks")
    if not env.get("STATEMENTS_BROKER"):
        raise ValueError("STATEMENTS_BROKER is not set: the layer events needs it")
    try:
        client = Client(env["STATEMENTS_BROKER"])
    except ValueError as error:
        raise ValueError(f"STATEMENTS_BROKER: {error}") from None
    max_bytes = int(env.get("STATEMENTS_MAX_BYTES", DEFAULT_MAX_BYTES))
    return Events(Work(client), is_guarded=is_guarded, max_bytes=max_bytes)


def wsgi(application: WsgiApplication, events: Events | None = None) -> WsgiApplication:
    """The WSGI application with asynchronous statements and events."""
    events = events or configured()

    def with_events(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if id := id_in(path):  # noqa: A001 - what it is
            reply = events.result(method, id)
        elif method != "POST" or as_routed(path) != STATEMENTS:
            return application(environ, start_response)
        elif path == STATEMENTS and prefers_async(environ.get("HTTP_PREFER", "")):
            reply = _accepted(events, environ)
        else:
            reply = _announced(events, application, environ)
        start_response(reply.status, reply.headers)
        return [] if method == "HEAD" else [reply.body]

    return with_events


def _accepted(events: Events, environ: Environ) -> Reply:
    try:
        document = read_document(environ, events.max_bytes)
    except Problem as problem:
        return refused(problem)
    return events.accept(document)


def _announced(events: Events, application: WsgiApplication, environ: Environ) -> Reply:
    """The application's answer, once its event is published if it is a statement."""
    started: list[Any] = []

    def start(status: str, headers: list[Header], *_error: Any) -> None:
        started[:] = status, headers

    parts = application(environ, start)
    try:
        body = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    status, headers = started
    return (events.announce() if int(status[:3]) == MADE else None) or Reply(status, headers, body)


def asgi(application: AsyncApplication, events: Events | None = None) -> AsyncApplication:
    """The ASGI application with asynchronous statements and events. Threads ask the broker."""
    events = events or configured()

    async def with_events(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if id := id_in(path):  # noqa: A001 - what it is
            reply = await asyncio.to_thread(events.result, method, id)
        elif method != "POST" or as_routed(path) != STATEMENTS:
            await application(scope, receive, send)
            return
        elif path == STATEMENTS and prefers_async(_given(scope, b"prefer")):
            reply = await _accepted_on_loop(events, scope, receive)
        else:
            await application(scope, receive, _announcing(events, send))
            return
        await _send(reply, send, method)

    return with_events


async def _send(reply: Reply, send: Any, method: str = "POST") -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": int(reply.status[:3]), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})


def _given(scope: dict[str, Any], header: bytes) -> str:
    return ",".join([value.decode("latin-1") for name, value in scope["headers"] if name == header])


async def _accepted_on_loop(events: Events, scope: dict[str, Any], receive: Any) -> Reply:
    try:
        document = await _read(scope, receive, events.max_bytes)
    except Problem as problem:
        return refused(problem)
    return await asyncio.to_thread(events.accept, document)


async def _read(scope: dict[str, Any], receive: Any, max_bytes: int) -> bytes:
    """Read the body of a POST by the rules of ASGI. Raises Problem 415 or 413, or 400 if the body breaks off."""
    expect_json(_given(scope, b"content-type"))
    announced, document, more = _given(scope, b"content-length"), bytearray(), True
    while more and len(document) <= max_bytes:
        try:
            event = await receive()
        except Exception as error:  # servers raise their own exceptions for a broken body
            raise Problem("400 Bad Request", "the body cannot be read") from error
        if event["type"] == "http.disconnect":
            raise Problem("400 Bad Request", "the body cannot be read")
        document += event.get("body", b"")
        more = event.get("more_body", False)
    return check_length(bytes(document), max_bytes, int(announced) if announced.isdecimal() else None)


def _announcing(events: Events, send: Any) -> Any:
    """A `send` that publishes the event of a statement before its answer; without a broker it sends 503 instead."""
    is_replaced = False

    async def sent(message: dict[str, Any]) -> None:
        nonlocal is_replaced
        if message["type"] == "http.response.start" and message["status"] == MADE:
            reply = await asyncio.to_thread(events.announce)
            if reply is not None:
                is_replaced = True
                await _send(reply, send)
        if not is_replaced:
            await send(message)

    return sent


class Held:
    """An RSGI protocol that holds the answer back."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.answer: tuple[int, list[Header], bytes] = 500, [], b""  # of an application that ends without one

    def __call__(self) -> Any:
        return self.protocol()

    def __aiter__(self) -> Any:
        return self.protocol.__aiter__()

    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None:
        self.answer = status, headers, body


def rsgi(application: AsyncApplication, events: Events | None = None) -> AsyncApplication:
    """The RSGI application with asynchronous statements and events. Threads ask the broker."""
    events = events or configured()

    async def with_events(scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            await application(scope, protocol)
            return
        method, path = scope.method, scope.path
        if id := id_in(path):  # noqa: A001 - what it is
            reply = await asyncio.to_thread(events.result, method, id)
        elif method != "POST" or as_routed(path) != STATEMENTS:
            await application(scope, protocol)
            return
        elif path == STATEMENTS and prefers_async(",".join(scope.headers.get_all("prefer"))):
            reply = await _accepted_from(events, scope, protocol)
        else:
            held = Held(protocol)
            await application(scope, held)
            refusal = await asyncio.to_thread(events.announce) if held.answer[0] == MADE else None
            if refusal is None:
                protocol.response_bytes(*held.answer)
                return
            reply = refusal
        headers = [(name.lower(), value) for name, value in reply.headers]
        protocol.response_bytes(int(reply.status[:3]), headers, b"" if method == "HEAD" else reply.body)

    return with_events


async def _accepted_from(events: Events, scope: Any, protocol: Any) -> Reply:
    try:
        document = await bare_app.read_document(scope, protocol, events.max_bytes)
    except Problem as problem:
        return refused(problem)
    return await asyncio.to_thread(events.accept, document)

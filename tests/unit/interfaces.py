"""A request to an application of each interface, as a server makes it, without a server."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import copy_context
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

from app.principal import PRINCIPAL, Principal

INTERFACES = ("wsgi", "asgi", "rsgi")


class Answer(NamedTuple):
    """An answer: header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(interface: str, application: Any, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Ask an application. The path may have a query; a header's name has `_` for `-`."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return {"wsgi": _ask_wsgi, "asgi": _ask_asgi, "rsgi": _ask_rsgi}[interface](application, method, path, body, named)


def ask_as(
    by: Principal | None, interface: str, application: Any, method: str, path: str, body: bytes = b"", **headers: str
) -> Answer:
    """Ask an application as `ask` does, in a context of its own; `by` is the caller whom the layer `identity` found."""

    def asked() -> Answer:
        if by is not None:
            PRINCIPAL.set(by)
        return ask(interface, application, method, path, body, **headers)

    return copy_context().run(asked)


def _ask_wsgi(application: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ |= {"CONTENT_TYPE": environ.pop("HTTP_CONTENT_TYPE", ""), "CONTENT_LENGTH": str(len(body))}
    path, _, query = path.partition("?")
    environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BytesIO(body)}
    setup_testing_defaults(environ)
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = application(environ, lambda status, given, *_error: started.append((status, given)))
    ((status, given),) = started
    return Answer(int(status[:3]), {name.lower(): value for name, value in given}, b"".join(parts))


def _ask_asgi(application: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    sent: list[dict[str, Any]] = []
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": given,
    }
    asyncio.run(application(scope, receive, send))
    start, *answers = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(each.get("body", b"") for each in answers))


class Headers(dict[str, str]):
    """The headers of an RSGI scope."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


def _ask_rsgi(application: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    answers = []

    class Protocol:
        async def __call__(self) -> bytes:
            return body

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield body

        def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            answers.append(Answer(status, dict(headers), body))

    named = Headers(headers | {"content-length": str(len(body))})
    path, _, query = path.partition("?")
    scope = SimpleNamespace(proto="http", scheme="http", method=method, path=path, query_string=query, headers=named)
    asyncio.run(application(scope, Protocol()))
    (answer,) = answers
    return answer


def answering(interface: str, act: Any) -> Any:
    """An application that answers each request with 200, and with what `act()` returns."""

    def wsgi(_environ: Any, start_response: Any) -> list[bytes]:
        body = act()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    async def asgi(_scope: Any, _receive: Any, send: Any) -> None:
        body = act()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    async def rsgi(_scope: Any, protocol: Any) -> None:
        protocol.response_bytes(200, [("content-type", "text/plain")], act())

    return {"wsgi": wsgi, "asgi": asgi, "rsgi": rsgi}[interface]

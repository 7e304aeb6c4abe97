"""A request to an application of each interface, as a server makes it, without a server."""

import asyncio
from types import SimpleNamespace
from typing import Any, NamedTuple

INTERFACES = ("wsgi", "asgi", "rsgi")


class Answer(NamedTuple):
    """An answer: header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(interface: str, application: Any, method: str, path: str, **headers: str) -> Answer:
    """Ask an application. A header's name has `_` for `-`."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return {"wsgi": _ask_wsgi, "asgi": _ask_asgi, "rsgi": _ask_rsgi}[interface](application, method, path, named)


def _ask_wsgi(application: Any, method: str, path: str, headers: dict[str, str]) -> Answer:
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = application(
        {"REQUEST_METHOD": method, "PATH_INFO": path, **environ},
        lambda status, given, *_error: started.append((status, given)),
    )
    ((status, given),) = started
    return Answer(int(status[:3]), {name.lower(): value for name, value in given}, b"".join(body))


def _ask_asgi(application: Any, method: str, path: str, headers: dict[str, str]) -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    asyncio.run(application({"type": "http", "method": method, "path": path, "headers": given}, receive, send))
    start, *parts = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(part["body"] for part in parts))


def _ask_rsgi(application: Any, method: str, path: str, headers: dict[str, str]) -> Answer:
    answers = []

    class Protocol:
        def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            answers.append(Answer(status, dict(headers), body))

    asyncio.run(application(SimpleNamespace(proto="http", method=method, path=path, headers=headers), Protocol()))
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

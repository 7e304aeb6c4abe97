"""A service that tells which ContextVar an earlier request has left set; the tests copy it beside a server.

`GET /seen?NAME` and a POST to it answer with the value that the request finds, and set NAME. `/lazy?NAME` sets NAME and
answers with the value that each half of its body finds while the server sends it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

LEFT: ContextVar[str] = ContextVar("LEFT")
HELLO = b"Hello, world!\n"


def found(path: str, name: str) -> bytes | None:
    """The answer of a path; None stands for the lazy one."""
    if path == "/hello":
        return HELLO
    seen = LEFT.get("nobody")
    LEFT.set(name)
    return None if path == "/lazy" else seen.encode()


def halves() -> Iterator[bytes]:
    yield LEFT.get("nobody").encode()
    yield LEFT.get("nobody").encode()


def by_wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    name = environ.get("QUERY_STRING", "")  # optional
    answer = found(environ["PATH_INFO"], name)
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    length = 2 * len(name) if answer is None else len(answer)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
    return halves() if answer is None else [answer]


async def by_asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("the service has no lifespan")
    name = scope["query_string"].decode()
    answer = found(scope["path"], name)
    while (await receive()).get("more_body"):
        pass
    length = 2 * len(name) if answer is None else len(answer)
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    parts = list(halves()) if answer is None else [answer]
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def by_rsgi(scope: Any, protocol: Any) -> None:
    answer = found(scope.path, scope.query_string)
    await protocol()
    protocol.response_bytes(200, [("content-type", "text/plain")], b"".join(halves()) if answer is None else answer)


def make(*_: object) -> Any:
    """The service on the interface that the module's folder is named for."""
    return {"wsgi": by_wsgi, "asgi": by_asgi, "rsgi": by_rsgi}[__name__.split(".")[-2]]

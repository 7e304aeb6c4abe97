"""The bare RSGI application, called as Granian calls it: its statuses, and how much of a body it reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from app.contract import load_core
from app.rsgi import bare_app

MAX_BYTES = 100
EMPTY = b'{"batch":"b","currency":"EUR","orders":[]}'


class Protocol:
    """Granian's side of a request: it hands over the parts of a body, and takes one answer."""

    def __init__(self, parts: list[bytes], *, broken: bool = False) -> None:
        self.parts = parts
        self.broken = broken
        self.read = 0
        self.answer: tuple[int, dict[str, str], bytes] | None = None

    async def __call__(self) -> bytes:
        return b"".join([part async for part in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.read += 1
            yield part
        if self.broken:
            raise RuntimeError("the body is broken")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.answer is None
        self.answer = (status, dict(headers), body)


def ask(protocol: Protocol, method: str, path: str, query: str = "", **headers: str) -> tuple[int, str, bytes]:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    application = bare_app.make(load_core("app.core"), {"/__version__": lambda: {"variant": "x"}}, wait, MAX_BYTES)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asyncio.run(application(SimpleNamespace(method=method, path=path, query_string=query, headers=named), protocol))
    assert protocol.answer is not None
    status, answered, body = protocol.answer
    assert waits == ([0.025] if path == "/wait" and status == 200 else [])
    return status, answered["content-type"], body


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "body"),
    [
        ("GET", "/hello", "", 200, b"Hello, world!\n"),
        ("GET", "/wait", "ms=25", 200, b"Waited 25 ms.\n"),
        ("GET", "/__version__", "", 200, b'{"variant": "x"}'),
        ("GET", "/wait", "ms=x", 400, b""),
        ("GET", "/nope", "", 404, b""),
        ("POST", "/hello", "", 405, b""),
    ],
)
def test_paths_and_methods(method: str, path: str, query: str, status: int, body: bytes) -> None:
    got, media_type, answer = ask(Protocol([]), method, path, query)
    assert got == status
    if status == 200:
        assert answer == body
    else:
        assert media_type == "application/problem+json"
        assert json.loads(answer)["status"] == status


@pytest.mark.parametrize("length", [None, str(len(EMPTY))], ids=["chunked", "with a length"])
def test_a_document_is_answered(length: str | None) -> None:
    headers = {"content_type": "application/json"} | ({"content_length": length} if length else {})
    status, media_type, body = ask(Protocol([EMPTY[:9], EMPTY[9:]]), "POST", "/statements", **headers)
    assert (status, media_type) == (200, "application/json")
    assert body == load_core("app.core").transform(EMPTY)


@pytest.mark.parametrize(
    ("parts", "headers", "broken", "status", "read"),
    [
        ([b" " * 60] * 5, {}, False, 413, 2),
        ([b" " * 60] * 5, {"content_length": "300"}, False, 413, 2),
        ([EMPTY], {}, True, 400, 1),
        ([EMPTY], {"content_length": "50"}, True, 400, 1),
        ([EMPTY], {"content_length": "50"}, False, 400, 1),
        ([EMPTY], {"content_type": "text/plain"}, False, 415, 0),
        ([b"{}"], {"content_length": "2"}, False, 422, 1),
    ],
    ids=["too large", "announced too large", "broken chunks", "broken body", "too short", "no JSON", "invalid"],
)
def test_a_refused_body_is_read_no_further_than_the_limit(
    parts: list[bytes], headers: dict[str, str], broken: bool, status: int, read: int
) -> None:
    protocol = Protocol(parts, broken=broken)
    got, media_type, _ = ask(protocol, "POST", "/statements", **({"content_type": "application/json"} | headers))
    assert (got, media_type, protocol.read) == (status, "application/problem+json", read)

"""Bodies of requests by the rules of ASGI."""

from __future__ import annotations  # those of inner functions would be evaluated at each request

from collections.abc import Awaitable, Callable
from typing import Any

from app.http import Problem, check_length, expect_json

BROKEN = "app.broken"  # key of a scope whose body breaks off

Receive = Callable[[], Awaitable[dict[str, Any]]]


def until_broken(scope: dict[str, Any], receive: Receive) -> Receive:
    """A `receive` that ends a broken body and marks its scope.

    Falcon would leave a server's exception to the server, which answers 500. It would take a body that the client broke
    off for a whole one.
    """
    ended = False

    async def checked() -> dict[str, Any]:
        nonlocal ended
        if ended:
            return await receive()
        try:
            event = await receive()
        except Exception:  # noqa: BLE001 - servers raise their own exceptions for a broken body
            event = {"type": "http.disconnect"}
        ended = not event.get("more_body", False)
        if event["type"] == "http.disconnect":
            scope[BROKEN] = True
            return {"type": "http.request"}
        return event

    return checked


def whole(scope: dict[str, Any], document: bytes, max_bytes: int, announced: int | None) -> bytes:
    """Return a body of which at most one byte more than the limit was read.

    Raises Problem 413 if it is too large, or 400 if it broke off.
    """
    if BROKEN in scope:
        raise Problem("400 Bad Request", "the body cannot be read")
    return check_length(document, max_bytes, announced)


async def read_document(scope: dict[str, Any], receive: Receive, max_bytes: int) -> bytes:
    """Read the body of a POST. Raises Problem 415 or 413, or 400 if the body breaks off."""
    expect_json(given(scope, b"content-type"))
    announced, document, more = given(scope, b"content-length"), bytearray(), True
    receive = until_broken(scope, receive)
    while more and len(document) <= max_bytes:
        event = await receive()
        document += event.get("body", b"")
        more = event.get("more_body", False)
    return whole(scope, bytes(document), max_bytes, int(announced) if announced.isdecimal() else None)


def given(scope: dict[str, Any], header: bytes) -> str:
    """The values of a header, joined by commas; its name is lower-case."""
    return ",".join([value.decode("latin-1") for name, value in scope["headers"] if name == header])

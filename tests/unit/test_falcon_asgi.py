"""Falcon's ASGI application, given what servers hand over: versions of HTTP that ASGI does not name, broken bodies."""

import asyncio
import time
from typing import Any

import pytest

from app.asgi import falcon_app
from app.contract import load_core
from bench.attacks.requests import DOCUMENT, STATEMENT


async def waits(seconds: float) -> None:
    time.sleep(seconds)


APPLICATION = falcon_app.make(load_core("app.core"), {"/__version__": lambda: {"variant": "x"}}, waits, 1_000)


def asked(method: str, path: str, events: list[Any], **scope: Any) -> tuple[int, bytes]:
    """Status and body of the answer to a request whose body events come in turn; an exception among them is raised."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        event = events.pop(0) if events else {"type": "http.disconnect"}
        if isinstance(event, Exception):
            raise event
        return event

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    whole = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"content-type", b"application/json")], "server": ("x", 80), "client": ("x", 1),
    } | scope  # fmt: skip
    asyncio.run(APPLICATION(whole, receive, send))
    return sent[0]["status"], b"".join(event.get("body", b"") for event in sent[1:])


@pytest.mark.parametrize("version", ["1", "1.0", "1.1", "1.2", "2", "2.0", "3", "9.9"])
def test_each_version_of_http_is_answered(version: str) -> None:
    events = [{"type": "http.request", "body": DOCUMENT, "more_body": False}]
    assert asked("POST", "/statements", events, http_version=version) == (200, STATEMENT.encode())


def test_a_scope_without_a_version_is_answered() -> None:
    assert asked("GET", "/hello", [{"type": "http.request"}], http_version="1.1")[0] == 200


ERRORS = [RuntimeError("broken"), ValueError("broken"), OSError("broken"), {"type": "http.disconnect"}]


@pytest.mark.parametrize("end", ERRORS, ids=repr)
@pytest.mark.parametrize("before", [[], [DOCUMENT]], ids=["at once", "behind a document"])
def test_a_body_that_breaks_off_is_a_bad_request(before: list[bytes], end: Any) -> None:
    events = [{"type": "http.request", "body": part, "more_body": True} for part in before]
    status, body = asked("POST", "/statements", [*events, end])
    assert status == 400
    assert b"the body cannot be read" in body


@pytest.mark.parametrize("end", ERRORS, ids=repr)
def test_a_greeting_needs_no_body(end: Any) -> None:
    assert asked("GET", "/hello", [end])[0] == 200


def test_a_body_in_parts_is_read_as_one() -> None:
    parts = DOCUMENT[:9], DOCUMENT[9:]
    events = [{"type": "http.request", "body": part, "more_body": part is parts[0]} for part in parts]
    assert asked("POST", "/statements", [*events, {"type": "http.disconnect"}]) == (200, STATEMENT.encode())

"""The layer `request_id`: an id is taken or made, returned, and stands in problems; without the layer nothing does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import context, layers, request_id
from app.http import REQUEST_ID, Problem
from tests.unit.interfaces import INTERFACES, answering, ask

MADE = re.compile("[0-9a-f]{32}")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:/+=-"


def refused() -> bytes:
    return Problem("404 Not Found", "/nope").body()


def named(interface: str, **headers: str) -> tuple[str, str]:
    """The id of an answer: in its header, and in the problem that is its body."""
    application = layers.around(answering(interface, refused), interface, ["request_id"])
    answer = ask(interface, application, "GET", "/nope", b"", **headers)
    assert answer.headers["content-type"] == "text/plain", "the application's own headers stay"
    return answer.headers["x-request-id"], json.loads(answer.body)["request_id"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_safe_id_is_taken(interface: str) -> None:
    assert named(interface, X_Request_ID="f81d4fae-7dec/11d0:a765") == ("f81d4fae-7dec/11d0:a765",) * 2


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_request_without_one_gets_an_id(interface: str) -> None:
    ids = [named(interface) for _ in range(3)]
    assert all(header == problem for header, problem in ids)
    assert len({header for header, _ in ids}) == 3
    assert all(MADE.fullmatch(header) for header, _ in ids)


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("given", ["", "a b", "a,b", "x" * 129, "é", 'a"b', "a;b", "a\tb"])
def test_an_unsafe_id_is_replaced(interface: str, given: str) -> None:
    header, problem = named(interface, X_Request_ID=given)
    assert MADE.fullmatch(header)
    assert problem == header


@given(st.text(ALPHABET, min_size=1, max_size=128))
def test_every_id_of_the_alphabet_is_taken(given: str) -> None:
    assert request_id.taken_or_made(given) == given


@given(st.text())
def test_an_id_is_always_safe(given: str) -> None:
    named = request_id.taken_or_made(given)
    assert 1 <= len(named) <= 128
    assert set(named) <= set(ALPHABET)
    assert named == given or MADE.fullmatch(named)


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_id_ends_with_its_request(interface: str) -> None:
    named(interface, X_Request_ID="one")
    assert REQUEST_ID.get() is None


@pytest.mark.parametrize("interface", INTERFACES)
def test_without_the_layer_there_is_no_id(interface: str) -> None:
    answer = ask(interface, layers.around(answering(interface, refused), interface, []), "GET", "/", X_Request_ID="one")
    assert "x-request-id" not in answer.headers
    assert json.loads(answer.body).keys() == {"title", "status", "detail"}


def test_a_member_of_the_problem_itself_is_kept() -> None:
    def act() -> bytes:
        return Problem("422 Unprocessable Content", "a rule is broken", pointer="/orders").body()

    body = ask("wsgi", context.wsgi(request_id.wsgi(answering("wsgi", act))), "POST", "/", X_Request_ID="one").body
    assert json.loads(body) | {"pointer": "/orders", "request_id": "one"} == json.loads(body)


def test_an_error_of_a_wsgi_application_replaces_the_headers_as_in_pep_3333() -> None:
    """`exc_info` reaches the server."""
    seen: list[tuple[Any, ...]] = []
    error = (ValueError, ValueError(), None)
    application = request_id.wsgi(lambda _, start_response: start_response("500 Oops", [], error) or [])
    context.wsgi(application)({"HTTP_X_REQUEST_ID": "one"}, lambda *given: seen.append(given))
    assert seen == [("500 Oops", [("X-Request-ID", "one")], error)]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_only_http_gets_an_id(kind: str) -> None:
    seen: list[Any] = []

    async def application(*given: Any) -> None:
        seen.append((given, REQUEST_ID.get()))

    request = ({"type": kind}, object(), object())
    asyncio.run(context.asgi(request_id.asgi(application))(*request))
    asyncio.run(context.rsgi(request_id.rsgi(application))(SimpleNamespace(proto="ws"), request))
    assert seen == [(request, None), ((SimpleNamespace(proto="ws"), request), None)]


def test_an_rsgi_protocol_keeps_all_its_functions() -> None:
    class Protocol:
        async def __call__(self) -> bytes:
            return b"whole"

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"part"

        async def client_disconnect(self) -> str:
            return "gone"

        def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> tuple[Any, ...]:
            return status, headers, file

    async def application(_scope: Any, protocol: Any) -> None:
        assert await protocol() == b"whole"
        assert [part async for part in protocol] == [b"part"]
        assert await protocol.client_disconnect() == "gone"
        assert protocol.response_file(200, [("a", "b")], "f") == (200, [("a", "b"), ("x-request-id", "one")], "f")

    scope = SimpleNamespace(proto="http", headers={"x-request-id": "one"})
    asyncio.run(context.rsgi(request_id.rsgi(application))(scope, Protocol()))

"""The layer `identity` on each interface, without a server: first checks, challenges, a request's principal."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app import context, identity, layers
from app.contract import Core
from app.identity import Gate, configured
from app.principal import NoPrincipal, Principal, principal
from tests.issuer import AUDIENCE, ISSUER, Issuer

THE_ISSUER = Issuer()


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    (tmp_path / "jwks").write_bytes(THE_ISSUER.jwks())
    return configured(environment(f"file://{tmp_path}/jwks"))


def environment(jwks: str, **more: str) -> dict[str, str]:
    return {"STATEMENTS_ISSUER": ISSUER, "STATEMENTS_AUDIENCE": AUDIENCE, "STATEMENTS_JWKS": jwks, **more}


def whoami() -> str:
    try:
        return principal().subject
    except NoPrincipal:
        return "nobody"


def by_wsgi(gate: Gate, path: str | None, token: str | None, method: str = "POST") -> Answer:
    told: list[Any] = []

    def application(environ: dict[str, Any], start_response: Callable[..., None]) -> list[bytes]:
        start_response("200 OK", [])
        return [whoami().encode()]

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        told.extend((int(status[:3]), dict(headers)))

    given = {} if token is None else {"HTTP_AUTHORIZATION": token}
    named = {} if path is None else {"PATH_INFO": path}
    environ = {"REQUEST_METHOD": method, **named, **given}
    served = context.wsgi(identity.wsgi(application, gate))
    body = b"".join(served(environ, start_response))
    return Answer(told[0], told[1], body)


def by_asgi(gate: Gate, path: str, token: str | None, method: str = "POST") -> Answer:
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": whoami().encode()})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [] if token is None else [(b"authorization", token.encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": given}
    asyncio.run(context.asgi(identity.asgi(application, gate))(scope, None, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, sent[1]["body"])


def by_rsgi(gate: Gate, path: str, token: str | None, method: str = "POST") -> Answer:
    class Headers(dict[str, str]):
        def get_all(self, name: str) -> list[str]:
            return [self[name]] if name in self else []

    class Scope(NamedTuple):
        method: str
        path: str
        headers: Headers

    answers: list[Answer] = []

    class Protocol:
        def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            answers.append(Answer(status, dict(headers), body))

    async def application(scope: Any, protocol: Any) -> None:
        protocol.response_bytes(200, [], whoami().encode())

    headers = Headers() if token is None else Headers(authorization=token)
    asyncio.run(context.rsgi(identity.rsgi(application, gate))(Scope(method, path, headers), Protocol()))
    return answers[0]


@pytest.fixture(params=[by_wsgi, by_asgi, by_rsgi])
def ask(request: pytest.FixtureRequest, gate: Gate) -> Ask:
    """Ask the layer on one interface: `ask(path, authorization, method)`."""
    return lambda *request_of: request.param(gate, *request_of)


def challenge_of(answer: Answer) -> dict[str, str]:
    """The parameters of the challenge, read as RFC 9110, 11.6.1 defines it."""
    (value,) = [value for name, value in answer.headers.items() if name.lower() == "www-authenticate"]
    scheme, _, parameters = value.partition(" ")
    assert scheme == "Bearer"
    assert re.fullmatch(r'([a-z_]+="[ !#-\[\]-~]*"(, |$))+', parameters)
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', parameters))


def is_problem(answer: Answer, status: int) -> bool:
    types = [value for name, value in answer.headers.items() if name.lower() == "content-type"]
    return (answer.status, types, json.loads(answer.body)["status"]) == (status, ["application/problem+json"], status)


def test_a_token_names_the_principal_of_its_request(ask: Ask) -> None:
    for subject in ("anna", "bob"):
        answer = ask("/statements", f"Bearer {THE_ISSUER.token(sub=subject)}")
        assert (answer.status, answer.body) == (200, subject.encode())
    assert ask("/hello", None).body == b"nobody"  # nothing is left of them


def test_a_path_that_needs_a_scope_asks_for_a_token(ask: Ask) -> None:
    for given in (None, "", "Basic YTpi", "Bearer", "Digest x"):
        answer = ask("/statements", given)
        assert is_problem(answer, 401)
    told = challenge_of(ask("/statements", None))
    assert told == {"realm": "statements", "scope": "statements"}  # no error: RFC 6750, 3.1


@pytest.mark.parametrize("path", ["//statements", "/statements/", "statements", "///statements//", "/statements"])
def test_a_path_needs_its_scope_however_it_is_spelled(ask: Ask, path: str) -> None:
    assert is_problem(ask(path, None), 401)
    assert ask(f"{path}x", None).status == 200


def test_a_token_without_the_scope_is_forbidden(ask: Ask) -> None:
    answer = ask("/statements", f"Bearer {THE_ISSUER.token(scope='statement customers:all')}")
    assert is_problem(answer, 403)
    assert challenge_of(answer) == {
        "realm": "statements",
        "error": "insufficient_scope",
        "error_description": "the token lacks the scope",
        "scope": "statements",
    }


@pytest.mark.parametrize("path", ["/statements", "/hello"])
def test_a_token_that_is_presented_is_verified_on_every_path(ask: Ask, path: str) -> None:
    for token in ("x", "a.b.c", THE_ISSUER.token(aud="other"), THE_ISSUER.token() + "=="):
        answer = ask(path, f"Bearer {token}")
        assert is_problem(answer, 401)
        told = challenge_of(answer)
        assert told["error"] == "invalid_token"
        assert told["error_description"] == json.loads(answer.body)["detail"]


def test_the_scheme_is_of_any_case_and_spaces_may_follow_it(ask: Ask) -> None:
    assert ask("/hello", f"bEARER   {THE_ISSUER.token()}").body == b"anna"


def test_an_open_path_knows_who_asks_and_needs_no_scope(ask: Ask) -> None:
    assert ask("/hello", f"Bearer {THE_ISSUER.token(scope='')}").body == b"anna"


@pytest.mark.parametrize("by", [by_wsgi, by_asgi])
def test_a_head_request_gets_no_body(by: Ask, gate: Gate) -> None:
    answer = by(gate, "/statements", None, "HEAD")
    assert (answer.status, answer.body) == (401, b"")


@pytest.mark.parametrize("by", [by_wsgi, by_asgi, by_rsgi])
def test_without_any_keys_the_service_is_unavailable(by: Ask) -> None:
    gate = configured(environment("file:///nope/nope"))
    answer = by(gate, "/statements", f"Bearer {THE_ISSUER.token()}")
    assert is_problem(answer, 503)
    (seconds,) = [value for name, value in answer.headers.items() if name.lower() == "retry-after"]
    assert 1 <= int(seconds) <= 31


def test_two_authorizations_are_no_token(gate: Gate) -> None:
    token = f"Bearer {THE_ISSUER.token()}"
    assert is_problem(by_wsgi(gate, "/hello", f"{token},{token}"), 401)


def test_another_kind_of_scope_passes() -> None:
    seen = []

    async def application(scope: Any, *_: Any) -> None:
        seen.append(scope)

    gate = configured(environment("file:///nope"))
    asyncio.run(identity.asgi(application, gate)({"type": "lifespan"}, None, None))
    assert seen == [{"type": "lifespan"}]


def test_the_loop_serves_others_while_keys_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    released, begun = threading.Event(), threading.Event()
    gate = configured(environment("file:///nope"))

    def slow() -> bytes:
        begun.set()
        assert released.wait(10)
        return THE_ISSUER.jwks()

    gate.verifier.keys.fetch = slow

    async def both() -> list[str]:
        order = []

        async def waiting() -> None:
            await gate.admit_awaiting("/statements", f"Bearer {THE_ISSUER.token()}")
            order.append("waited")

        task = asyncio.create_task(waiting())
        while not begun.is_set():
            await asyncio.sleep(0)
        await gate.admit_awaiting("/hello", None)
        order.append("served")
        released.set()
        await task
        return order

    assert asyncio.run(both()) == ["served", "waited"]


def test_a_client_that_leaves_does_not_end_the_fetch_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    gate = configured(environment("file:///nope"))
    gate.verifier.keys.fetch = lambda: THE_ISSUER.jwks() if released.wait(10) else b""
    token = f"Bearer {THE_ISSUER.token()}"

    async def both() -> None:
        leaving, staying = (asyncio.create_task(gate.admit_awaiting("/statements", token)) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.sleep(0.01)
        released.set()
        await staying
        assert leaving.cancelled()

    asyncio.run(both())


def test_an_issuer_over_http_rotates_and_goes_down() -> None:
    issuer = Issuer()
    with issuer.served() as url:
        gate = configured(environment(url))
        gate.verifier.keys.clock = clock = Clock()
        assert by_wsgi(gate, "/statements", f"Bearer {issuer.token()}").status == 200
        issuer.rotate()
        clock.now += 30
        assert by_wsgi(gate, "/statements", f"Bearer {issuer.token()}").status == 200
        issuer.status = 500
        clock.now += 600
        assert by_wsgi(gate, "/statements", f"Bearer {issuer.token()}").status == 200
    clock.now += 600
    assert by_wsgi(gate, "/statements", f"Bearer {issuer.token()}").status == 200
    assert issuer.requests == 3


class Clock:
    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


WRONG_SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "no issuer": ({"STATEMENTS_ISSUER": ""}, "STATEMENTS_ISSUER is not set: the layer identity needs it"),
    "no audience": ({"STATEMENTS_AUDIENCE": ""}, "STATEMENTS_AUDIENCE is not set: the layer identity needs it"),
    "no keys": ({"STATEMENTS_JWKS": ""}, "STATEMENTS_JWKS is not set: the layer identity needs it"),
    "a path": ({"STATEMENTS_JWKS": "/etc/keys"}, "STATEMENTS_JWKS: it is no URL like https://HOST/PATH"),
    "an odd port": ({"STATEMENTS_JWKS": "http://x:y/"}, "STATEMENTS_JWKS: "),
    "none": ({"STATEMENTS_ALGORITHMS": "none"}, "STATEMENTS_ALGORITHMS: 'none' is not one of ES256, RS256, Ed25519"),
    "a secret": ({"STATEMENTS_ALGORITHMS": "ES256 HS256"}, "STATEMENTS_ALGORITHMS: 'HS256' is not one of"),
    "no algorithm": (
        {"STATEMENTS_ALGORITHMS": " "},
        "STATEMENTS_ALGORITHMS is empty: name an algorithm, such as ES256",
    ),
    "a word": ({"STATEMENTS_CACHED_TOKENS": "many"}, "STATEMENTS_CACHED_TOKENS: 'many' is no number of tokens"),
    "below zero": ({"STATEMENTS_CACHED_TOKENS": "-1"}, "STATEMENTS_CACHED_TOKENS: '-1' is no number of tokens"),
}


@pytest.mark.parametrize(("settings", "told"), WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_a_wrong_setting_is_one_clear_error_at_the_start(settings: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}") as caught:
        configured(environment("https://issuer.example/jwks") | settings)
    assert "\n" not in str(caught.value)


def test_without_the_layer_the_core_is_the_very_core() -> None:
    core = Core(json, json.dumps, bytes.upper)  # type: ignore[arg-type]
    assert layers.around_core(core, []) is core
    assert layers.around_core(core, ["context"]) is core
    assert layers.around_core(core, ["identity"]).transform is not core.transform


def test_nobody_asks_outside_a_request() -> None:
    with pytest.raises(
        LookupError, match="no principal: the request has no token, or STATEMENTS_LAYERS lacks identity"
    ):
        principal()


def test_a_principal_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Principal("anna", frozenset()).subject = "eve"  # type: ignore[misc]


def test_a_request_whose_path_the_server_omits_needs_no_token(gate: Gate) -> None:
    """bjoern omits it for CONNECT, as WSGI lets servers do with an empty path (PEP 3333)."""
    assert by_wsgi(gate, None, None, "CONNECT").status == 200

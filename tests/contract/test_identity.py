"""The layer `identity` on every server: first checks, what each caller may see, and never what another one may.

An issuer on loopback serves the keys. PyPy has no cryptography, so tokens for it are signed with RS256.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.core import transform
from bench.build import artifacts
from bench.host.pinning import cores
from bench.model import Artifact, Stack, Unavailable
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests import commands
from tests.contract import wire
from tests.contract.conftest import PLAIN, missing, on_every_server, require_built
from tests.contract.test_interpreters import bring, in_turn
from tests.contract.wire import Server, ask
from tests.declared import CATALOG
from tests.issuer import AUDIENCE, ISSUER, Issuer

MOST = 30
USERS = 8
REQUESTS = 6  # of each user
STACKS = [stack for variant in PLAIN.values() for stack in on_every_server(variant)][:MOST]
ALGORITHMS = {PLAIN["cpython"]: "ES256", PLAIN["pypy"]: "RS256"}


def order(number: int) -> dict[str, Any]:
    """An order of customer `number`, of which each has one."""
    lines = [{"sku": f"sku-{number}", "quantity": number, "price": 7}]
    who = {"id": number, "name": f"customer {number}"}
    return {"id": number, "placed": "2026-01-01T00:00:00Z", "status": "paid", "customer": who, "lines": lines}


DOCUMENT = json.dumps({"batch": "b", "currency": "EUR", "orders": [order(number) for number in range(1, 30)]}).encode()
FULL = json.loads(transform(DOCUMENT))


class Guarded(NamedTuple):
    """A service with the layer, and the issuer of its tokens."""

    server: Server
    issuer: Issuer

    def token(self, *scopes: str, **claims: Any) -> str:
        """The header of a token with these scopes."""
        return f"Authorization: Bearer {self.issuer.token(scope=' '.join(scopes), **claims)}"

    def post(self, *headers: str) -> wire.Reply:
        return ask(self.server, "POST", "/statements", DOCUMENT, "Content-Type: application/json", *headers)


@pytest.fixture(scope="module")
def issuers() -> Iterator[dict[str, tuple[Issuer, str]]]:
    """An issuer for each algorithm, with the URL of its keys."""
    made = {name: Issuer(name) for name in set(ALGORITHMS.values())}
    es256, rs256 = made["ES256"], made["RS256"]
    with es256.served() as one, rs256.served() as other:
        yield {"ES256": (es256, one), "RS256": (rs256, other)}


@pytest.fixture(scope="module", params=STACKS, ids=str)
def guarded(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    issuers: dict[str, tuple[Issuer, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Guarded]:
    """Each stack with the layer, running."""
    stack: Stack = request.param
    require_built(prepared, stack)
    with guarding(stack, issuers, tmp_path_factory.mktemp("guarded") / "log") as running:
        yield running


@contextmanager
def guarding(stack: Stack, issuers: dict[str, tuple[Issuer, str]], log: Path) -> Iterator[Guarded]:
    """Serve a stack with the layer."""
    issuer, url = issuers[ALGORITHMS.get(stack.variant, "ES256")]
    env = {
        "STATEMENTS_LAYERS": "identity",
        "STATEMENTS_ISSUER": ISSUER,
        "STATEMENTS_AUDIENCE": AUDIENCE,
        "STATEMENTS_JWKS": url,
        "STATEMENTS_ALGORITHMS": issuer.algorithm,
    }
    with pytest.MonkeyPatch.context() as patch:
        commands.alter(patch, lambda argv, given: (argv, given | env))
        with life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server) as running:
            yield Guarded(Server(life_cycle.HOST, running.port, 0), issuer)


def is_problem(reply: wire.Reply, status: int) -> bool:
    return (reply.status, reply.content_type) == (status, "application/problem+json")


def seen_with(*customers: int) -> dict[str, Any]:
    """The answer that shows these customers."""
    shown = [each for each in FULL["customers"] if each["id"] in customers]
    sums = {member: sum(each[member] for each in shown) for member in ("units", "gross", "refunded", "open", "net")}
    totals = {"customers": len(shown), **sums}
    return {"batch": "b", "currency": "EUR", "orders": len(shown), "customers": shown, "totals": totals}


@pytest.mark.long
@pytest.mark.parametrize("stack", in_turn(), ids=str)
def test_the_layer_runs_on_every_interpreter(
    stack: Stack, issuers: dict[str, tuple[Issuer, str]], tmp_path: Path
) -> None:
    bring(stack)
    with guarding(stack, issuers, tmp_path / "log") as running:
        test_a_path_needs_its_scope_and_others_are_open(running)
        test_who_may_see_all_gets_the_cores_bytes(running)
        test_others_see_their_customers(running)


def test_a_path_needs_its_scope_and_others_are_open(guarded: Guarded) -> None:
    assert is_problem(guarded.post(), 401)
    assert is_problem(guarded.post("Authorization: Basic YTpi"), 401)
    assert is_problem(guarded.post("Authorization: Bearer x"), 401)
    assert is_problem(guarded.post(guarded.token("customers:all")), 403)
    assert is_problem(guarded.post(guarded.token("statements", aud="other")), 401)
    assert ask(guarded.server, "GET", "/hello").body == b"Hello, world!\n"
    assert ask(guarded.server, "GET", "/hello", None, guarded.token()).status == 200
    assert is_problem(ask(guarded.server, "GET", "/hello", None, "Authorization: Bearer x"), 401)


def test_a_refusal_has_its_challenge(guarded: Guarded) -> None:
    for given, status, begins in (
        ({}, 401, 'Bearer realm="statements", scope="statements"'),
        ({"Authorization": "Bearer x"}, 401, 'Bearer realm="statements", error="invalid_token", error_description='),
        (
            {"Authorization": guarded.token("other").partition(": ")[2]},
            403,
            'Bearer realm="statements", error="insufficient_scope", error_description=',
        ),
    ):
        connection = HTTPConnection(guarded.server.host, guarded.server.port, timeout=10)
        connection.request("POST", "/statements", DOCUMENT, {"Content-Type": "application/json", **given})
        response = connection.getresponse()
        assert (response.status, response.getheader("WWW-Authenticate", "")[: len(begins)]) == (status, begins)
        assert json.loads(response.read())["status"] == status
        connection.close()


def test_who_may_see_all_gets_the_cores_bytes(guarded: Guarded) -> None:
    reply = guarded.post(guarded.token("statements", "customers:all"))
    assert reply == wire.Reply(200, "application/json", transform(DOCUMENT))


def test_others_see_their_customers(guarded: Guarded) -> None:
    for customers in ((3, 17), (), (1,)):
        reply = guarded.post(guarded.token("statements", *(f"customer:{each}" for each in customers)))
        assert (reply.status, json.loads(reply.body)) == (200, seen_with(*customers))


@pytest.mark.parametrize(
    "target",
    ["//statements", "/statements/", "/Statements", "/%73tatements", "/./statements", "/x/../statements",
     "/statements;a", "/statements?x", "/statements%00", "/statements%20", "http://x/statements", "statements"],
)  # fmt: skip
def test_no_spelling_of_the_path_passes_the_gate(guarded: Guarded, target: str) -> None:
    for token in ((), (guarded.token("customers:all"),)):
        reply = ask(guarded.server, "POST", target, DOCUMENT, "Content-Type: application/json", *token)
        assert reply.status == 0 or 300 <= reply.status < 500
        assert b"customer " not in reply.body  # as in each customer's name


def test_users_at_once_see_only_their_own(guarded: Guarded) -> None:
    start = threading.Barrier(USERS)

    def work(user: int) -> list[tuple[int, Any]]:
        start.wait()
        return [answer_over_kept_connections(guarded, connections, user) for _ in range(REQUESTS)]

    connections = threading.local()
    with ThreadPoolExecutor(USERS) as pool:
        answers = list(pool.map(work, range(1, USERS + 1)))
    assert answers == [[(200, seen_with(user))] * REQUESTS for user in range(1, USERS + 1)]


def answer_over_kept_connections(guarded: Guarded, kept: threading.local, user: int) -> tuple[int, Any]:
    """The answer to a user over the thread's connection, which is made anew once the server has closed it."""
    connection = getattr(kept, "connection", None)
    if connection is None or connection.sock is None:
        connection = kept.connection = HTTPConnection(guarded.server.host, guarded.server.port, timeout=20)
    token = guarded.token("statements", f"customer:{user}", sub=f"user {user}").partition(": ")[2]
    headers = {"Content-Type": "application/json", "Authorization": token}
    try:
        connection.request("POST", "/statements", DOCUMENT, headers)
        response = connection.getresponse()
    except (ConnectionError, HTTPException):  # closed between two requests
        connection.close()
        connection.request("POST", "/statements", DOCUMENT, headers)
        response = connection.getresponse()
    return response.status, json.loads(response.read())


def request(target: str, *headers: str) -> bytes:
    """A request as bytes, with the document."""
    head = [f"POST {target} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(DOCUMENT)}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + DOCUMENT


def is_part(found: list[Any], whole: list[Any]) -> bool:
    """Tell whether all of `found` are in `whole`, in its order: a server may leave pipelined requests unanswered."""
    rest = iter(whole)
    return all(each in rest for each in found)


def test_two_users_on_one_connection_see_their_own(guarded: Guarded) -> None:
    users = [1, 2, 1, 3]
    sent = [request("/statements", guarded.token("statements", f"customer:{user}")) for user in users]
    sent.insert(2, request("/statements"))  # and somebody without a token
    expected: list[Any] = [(200, seen_with(user)) for user in users]
    expected.insert(2, 401)
    answers = wire.pipelined(guarded.server, b"".join(sent), len(sent))
    answers = [each for each in answers if each[0] != 400]  # meinheld refuses a POST that was sent before an answer
    found = [401 if status == 401 else (status, json.loads(body)) for status, body in answers]
    assert found
    assert is_part(found, expected)


def test_the_body_of_a_refused_request_is_no_request(guarded: Guarded) -> None:
    hello = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = wire.pipelined(guarded.server, request("/statements") + hello, 2)
    assert answers
    assert is_part([status for status, _ in answers], [401, 200])


def test_a_flood_of_unknown_keys_asks_the_issuer_once_or_not_at_all(guarded: Guarded) -> None:
    guarded.post(guarded.token("statements"))
    before = guarded.issuer.requests
    for number in range(20):
        kid = {"kid": f"flood-{number}"}
        assert is_problem(guarded.post(f"Authorization: Bearer {guarded.issuer.token(header=kid)}"), 401)
    assert guarded.issuer.requests - before <= 1
    assert guarded.post(guarded.token("statements", "customers:all")).status == 200


def test_pypy_has_no_cryptography_and_says_what_works_there(
    prepared: tuple[building.Built, list[Unavailable]],
) -> None:
    if not isinstance(prepared[0].get(PLAIN["pypy"]), Artifact):
        missing(prepared[1], PLAIN["pypy"])
    environment = {
        "STATEMENTS_ISSUER": ISSUER,
        "STATEMENTS_AUDIENCE": AUDIENCE,
        "STATEMENTS_JWKS": "https://issuer.example/jwks",
    }
    assert last_line_of("import cryptography", {}) == "ModuleNotFoundError: No module named 'cryptography'"
    start = "from app.identity import configured; configured(); print('starts')"
    assert last_line_of(start, environment) == (
        "ValueError: STATEMENTS_ALGORITHMS: ES256 needs the package cryptography, which PyPy has no wheel of; "
        "RS256 works without it"
    )
    assert last_line_of(start, environment | {"STATEMENTS_ALGORITHMS": "RS256"}) == "starts"


def last_line_of(program: str, env: dict[str, str]) -> str:
    """The last line that a program on PyPy prints."""
    python = artifacts.python(PLAIN["pypy"])
    done = subprocess.run([python, "-c", program], cwd="/", env=env, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]

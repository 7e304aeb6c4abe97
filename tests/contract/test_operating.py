"""What an operator relies on, on every server: request ids, and probes of health with and without PostgreSQL."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest
from rich.console import Console

from bench.catalog import pairing
from bench.host.pinning import cores
from bench.model import Artifact, Stack, Unavailable
from bench.progress import Progress
from bench.readiness import building, servers
from bench.serve import http_client, life_cycle
from bench.serve.backend import RunningBackend, backend_for
from tests import commands
from tests.absent import lacks as leave_out
from tests.contract.conftest import MAX_BYTES, PLAIN, missing, on_every_server
from tests.declared import CATALOG, planned, study_called

LAYERS = "request_id health"
MADE = re.compile("[0-9a-f]{32}")
EMPTY = b'{"batch":"b","currency":"EUR","orders":[]}'
JSON = {"Content-Type": "application/json"}
PROBLEMS = {
    "unknown path": ("GET", "/nope", None, {}, 404),
    "unknown path below a known one": ("GET", "/statements/1", None, {}, 404),
    "other method": ("PUT", "/statements", EMPTY, JSON, 405),
    "other method without a body": ("DELETE", "/hello", None, {}, 405),
    "other media type": ("POST", "/statements", EMPTY, {"Content-Type": "text/plain"}, 415),
    "malformed document": ("POST", "/statements", b"{", JSON, 400),
    "invalid document": ("POST", "/statements", b"{}", JSON, 422),
    "too large a document": ("POST", "/statements", EMPTY.ljust(MAX_BYTES + 1), JSON, 413),
    "no time to wait": ("GET", "/wait?ms=x", None, {}, 400),
    "probe by another method": ("POST", "/readyz", b"", {}, 405),
}
PATIENCE_SECONDS = 30.0


class Reply(NamedTuple):
    """An answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    """Send a request over a new connection."""
    connection = HTTPConnection(life_cycle.HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def stacks() -> list[Stack]:
    """CPython on every server, and PyPy with one stack for each program and interface."""
    found: dict[tuple[str, str], Stack] = {}
    for stack in on_every_server(PLAIN["pypy"]):
        server = pairing.server_file(CATALOG, stack)
        found.setdefault((server.server, server.interface), stack)
    return [*on_every_server(PLAIN["cpython"]), *found.values()]


def require_built(stack: Stack, prepared: tuple[building.Built, list[Unavailable]]) -> None:
    """Leave the test out if the variant or the server is unavailable."""
    artifacts, unavailable = prepared
    if stack.variant not in artifacts:
        missing(unavailable, stack.variant)
    built = artifacts[stack.variant]
    if isinstance(built, Artifact) and stack.server in built.lacks:
        missing(unavailable, stack)


def serve(stack: Stack, folder: Path, stop: ExitStack, backend: RunningBackend | None = None, **env: str) -> int:
    """Serve a stack with both layers until `stop` ends. Returns its port."""
    with pytest.MonkeyPatch.context() as patch:
        given = {"STATEMENTS_LAYERS": LAYERS, "STATEMENTS_MAX_BYTES": str(MAX_BYTES), **env}
        commands.alter(patch, lambda argv, env: (argv, env | given))
        return stop.enter_context(
            life_cycle.serving(CATALOG, stack, http_client.HELLO, folder / "log", cores().server, backend=backend)
        ).port


class Operated(NamedTuple):
    """The port of a service, and the file that announces its end."""

    port: int
    draining: Path


@pytest.fixture(scope="module", params=stacks(), ids=str)
def operated(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operated]:
    """Each stack in turn, with both layers."""
    require_built(request.param, prepared)
    folder = tmp_path_factory.mktemp("operated")
    with ExitStack() as stop:
        file = folder / "draining"
        yield Operated(serve(request.param, folder, stop, STATEMENTS_DRAINING=str(file)), file)


def test_an_id_is_taken_and_returned(operated: Operated) -> None:
    reply = ask(operated.port, "GET", "/hello", X_Request_ID="f81d4fae-7dec")
    assert (reply.status, reply.headers["x-request-id"]) == (200, "f81d4fae-7dec")


def test_an_answer_to_a_document_has_the_id_too(operated: Operated) -> None:
    reply = ask(operated.port, "POST", "/statements", EMPTY, X_Request_ID="one", **JSON)
    assert (reply.status, reply.headers["x-request-id"]) == (200, "one")
    assert reply.headers["content-type"] == "application/json"


def test_each_request_without_one_gets_an_id(operated: Operated) -> None:
    ids = {ask(operated.port, "GET", "/hello").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(MADE.fullmatch(each) for each in ids)


def test_requests_on_one_connection_have_an_id_each(operated: Operated) -> None:
    connection = HTTPConnection(life_cycle.HOST, operated.port, timeout=PATIENCE_SECONDS)
    ids = []
    for given in ({"X-Request-ID": "one"}, {}, {"X-Request-ID": "two"}):
        connection.request("GET", "/nope", headers=given)
        answer = connection.getresponse()
        assert json.loads(answer.read())["request_id"] == answer.headers["X-Request-ID"]
        ids.append(answer.headers["X-Request-ID"])
    connection.close()
    assert (ids[0], ids[2]) == ("one", "two")
    assert MADE.fullmatch(ids[1])


@pytest.mark.parametrize("given", ["a b", "x" * 129, 'a"b'])
def test_an_unsafe_id_is_replaced(operated: Operated, given: str) -> None:
    assert MADE.fullmatch(ask(operated.port, "GET", "/hello", X_Request_ID=given).headers["x-request-id"])


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_the_id_stands_in_every_problem(
    operated: Operated, problem: tuple[str, str, bytes | None, dict[str, str], int]
) -> None:
    method, path, body, headers, status = problem
    reply = ask(operated.port, method, path, body, X_Request_ID="one", **headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.headers["x-request-id"] == json.loads(reply.body)["request_id"] == "one"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_service_without_backend_is_healthy_and_ready(operated: Operated, path: str) -> None:
    for method, body in (("GET", b"ok\n"), ("HEAD", b"")):
        reply = ask(operated.port, method, path)
        assert (reply.status, reply.body) == (200, body)


def test_while_the_file_exists_the_service_drains(operated: Operated) -> None:
    operated.draining.touch()
    try:
        assert ask(operated.port, "GET", "/readyz").status == 503
        assert ask(operated.port, "GET", "/healthz").status == 200
        assert ask(operated.port, "GET", "/hello").status == 200, "requests are still served"
    finally:
        operated.draining.unlink()
    assert ask(operated.port, "GET", "/readyz").status == 200


def on_each_wait() -> list[Stack]:
    """A stack for each wait function of PostgreSQL and each interface; pooled connections in threads and greenlets."""
    found: dict[tuple[str, str, bool], Stack] = {}
    for stack in on_every_server(PLAIN["cpython"]):
        server = pairing.server_file(CATALOG, stack)
        wait = server.waits.get("postgres", CATALOG.backends["postgres"].wait)
        found.setdefault((wait, server.interface, "gevent" in server.worker_class), stack)
    return list(found.values())


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Stop a process during the block: connections to it are neither refused nor answered."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def becomes(port: int, status: int) -> Reply:
    """The first answer of `/readyz` with that status: an outcome is kept for a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (reply := ask(port, "GET", "/readyz")).status != status and time.monotonic() < deadline:
        time.sleep(0.2)
    assert reply.status == status
    return reply


@pytest.mark.parametrize("stack", on_each_wait(), ids=str)
def test_a_service_is_ready_while_its_database_answers(
    stack: Stack, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path
) -> None:
    require_built(stack, prepared)
    workload = CATALOG.workloads["wait-postgres"]
    known = {"baseline": stack.variant, "variants": (stack.variant,), "workloads": (workload.name,)}
    study = msgspec.structs.replace(study_called("waiting"), **known)
    lacks = servers.backends_missing(planned(study), [stack.variant], Progress(Console(quiet=True)))
    if lacks:
        leave_out(lacks[stack.variant][workload.name])
    with ExitStack() as stop:
        database = stop.enter_context(ExitStack())
        backend = database.enter_context(backend_for(CATALOG, workload.backend, tmp_path / "backend.log"))
        assert backend is not None
        port = serve(stack, tmp_path, stop, backend)
        becomes(port, 200)
        assert ask(port, "GET", "/wait?ms=1").status == 200
        with stopped(backend.process):
            problem = json.loads(becomes(port, 503).body)
            assert problem["detail"].startswith("the database does not answer")
            assert ask(port, "GET", "/healthz").status == 200
        becomes(port, 200)
        database.close()
        becomes(port, 503)
        assert ask(port, "GET", "/hello").status == 200

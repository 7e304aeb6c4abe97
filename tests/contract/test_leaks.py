"""Servers leave a ContextVar of one request set in the next, as their TOML files declare; with a context none does."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bench.catalog import pairing
from bench.host.pinning import cores
from bench.model import Artifact, Stack, Unavailable, Words
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests import commands
from tests.contract import leaking, wire
from tests.contract.conftest import LABELS, PLAIN, missing, possible
from tests.declared import CATALOG

TIMEOUT_SECONDS = 10.0
TURNS = 12  # three times the threads of a server
LARGE = b" " * 100_000  # Uvicorn stops reading a body beyond 64 KiB until the service asks for it
STACKS = [stacks[0] for variant in PLAIN.values() for label in LABELS if (stacks := possible(variant, label))]


@contextmanager
def probed(stack: Stack, folder: Path, layers: str = "") -> Iterator[wire.Server]:
    """The leaking service on a stack's server."""
    interface = pairing.server_file(CATALOG, stack).interface
    (folder / "leaking" / interface).mkdir(parents=True)
    shutil.copy(leaking.__file__, folder / "leaking" / interface / "app.py")
    env = {"STATEMENTS_FRAMEWORK": f"leaking.{interface}.app", "STATEMENTS_LAYERS": layers, "PYTHONPATH": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        commands.alter(patch, lambda argv, given: (argv, given | env))
        with life_cycle.serving(CATALOG, stack, http_client.HELLO, folder / "log", cores().server) as running:
            yield wire.Server(running.host, running.port, 0)


def seen_on_new_connections(server: wire.Server) -> list[str]:
    return [wire.ask(server, "GET", f"/seen?user{turn}").body.decode() for turn in range(TURNS)]


def seen_on_one_connection(server: wire.Server, body: bytes | None = None) -> list[str]:
    """What requests of one connection see while the server keeps it open."""
    connection = HTTPConnection(server.host, server.port, timeout=TIMEOUT_SECONDS)
    seen = []
    try:
        for turn in range(TURNS):
            connection.request("GET" if body is None else "POST", f"/seen?user{turn}", body)
            seen.append(connection.getresponse().read().decode())
            if connection.sock is None:
                break
    finally:
        connection.close()
    return seen


def seen_by_pipelined_requests(server: wire.Server) -> list[str]:
    """What requests see that are sent before the first is answered; some servers answer only one of them."""
    heads = [f"GET /seen?user{turn} HTTP/1.1\r\nHost: x\r\n\r\n" for turn in range(TURNS)]
    return [body.decode() for _, body in wire.pipelined(server, "".join(heads).encode(), TURNS)]


PROBES: dict[str, Callable[[wire.Server], list[str]]] = {
    "always": seen_on_new_connections,
    "connection": lambda server: [*seen_on_one_connection(server), *seen_on_one_connection(server, LARGE)],
    "pipelined": seen_by_pipelined_requests,
}


def leak_of(server: wire.Server) -> str:
    """The simplest probe in which a request sees a variable of another; empty if none does."""
    return next((name for name, probe in PROBES.items() if set(probe(server)) != {"nobody"}), "")


@pytest.fixture(params=STACKS, ids=str)
def stack(request: pytest.FixtureRequest, prepared: tuple[building.Built, list[Unavailable]]) -> Stack:
    built = prepared[0].get(request.param.variant)
    if not isinstance(built, Artifact) or request.param.label in built.lacks:
        missing(prepared[1], request.param)
    return request.param


def test_a_server_leaks_as_declared(stack: Stack, tmp_path: Path) -> None:
    name = pairing.server_file(CATALOG, stack).name
    implementation = CATALOG.interpreters[CATALOG.variant(stack.variant).interpreter].implementation
    with probed(stack, tmp_path) as server:
        assert leak_of(server) == CATALOG.words.get(name, Words()).leaks_on(implementation)


def test_no_server_leaks_with_a_context_for_each_request(stack: Stack, tmp_path: Path) -> None:
    with probed(stack, tmp_path, layers="context") as server:
        assert leak_of(server) == ""
        with ThreadPoolExecutor(8) as users:
            targets = [f"/lazy?user{turn}" for turn in range(10, 34)]
            bodies = users.map(lambda target: wire.ask(server, "GET", target).body.decode(), targets)
        assert list(bodies) == [2 * target.partition("?")[2] for target in targets]
        assert wire.ask(server, "GET", "/seen?last").body == b"nobody"

"""`/wait` with a real PostgreSQL: as many concurrent requests as the worker class allows, and 503 once it is gone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
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
from tests.absent import lacks as leave_out
from tests.contract.conftest import MAX_BYTES, PLAIN, missing, on_every_server
from tests.contract.test_http import is_problem
from tests.contract.wire import Server, ask
from tests.declared import CATALOG, planned, study_called

WORKLOAD = CATALOG.workloads["wait-postgres"]
REQUESTS = 5  # one more than any server has threads
WAIT_MS = 150
ROUNDS = 10  # connection pools may still fill in the first rounds


class Waiting(NamedTuple):
    """A stack that queries a database, and a function that ends the database."""

    stack: Stack
    server: Server
    database: RunningBackend
    end_database: Callable[[], None]


def stacks() -> list[Stack]:
    """CPython on every server, and PyPy with one stack for each server and wait function."""
    found: dict[tuple[str, str], Stack] = {}
    for stack in on_every_server(PLAIN["pypy"]):
        server = pairing.server_file(CATALOG, stack)
        found.setdefault((server.server, server.waits.get("postgres", "")), stack)
    return [*on_every_server(PLAIN["cpython"]), *found.values()]


@pytest.fixture(scope="module", params=stacks(), ids=str)
def waiting(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Waiting]:
    """Each stack in turn, with its own database."""
    stack: Stack = request.param
    artifacts, unavailable = prepared
    if stack.variant not in artifacts:
        missing(unavailable, stack.variant)
    built = artifacts[stack.variant]
    if isinstance(built, Artifact) and stack.server in built.lacks:
        missing(unavailable, stack)
    known = {"baseline": stack.variant, "variants": (stack.variant,), "workloads": (WORKLOAD.name,)}
    study = msgspec.structs.replace(study_called("waiting"), **known)
    lacks = servers.backends_missing(planned(study), [stack.variant], Progress(Console(quiet=True)))
    if lacks:
        leave_out(lacks[stack.variant][WORKLOAD.name])
    logs = tmp_path_factory.mktemp("waiting")
    with ExitStack() as both:
        database = both.enter_context(ExitStack())
        backend = database.enter_context(backend_for(CATALOG, WORKLOAD.backend, logs / "backend.log"))
        assert backend is not None
        running = both.enter_context(
            life_cycle.serving(CATALOG, stack, http_client.HELLO, logs / "server.log", cores().server, backend=backend)
        )
        yield Waiting(stack, Server(life_cycle.HOST, running.port, MAX_BYTES), backend, database.close)


def sleeping_queries(database: RunningBackend) -> int:
    """Count the queries that currently sleep in the database, by the titles of its processes."""
    count = 0
    for child in database.process.children():
        try:
            count += " SELECT" in " ".join(child.cmdline())
        except psutil.NoSuchProcess:
            continue
    return count


def most_sleeping_queries(waiting: Waiting) -> int:
    """Send `REQUESTS` at once, all of which must be answered right. Returns the most queries that slept at a time."""
    most = 0
    with ThreadPoolExecutor(REQUESTS) as users:
        replies = [users.submit(ask, waiting.server, "GET", f"/wait?ms={WAIT_MS}") for _ in range(REQUESTS)]
        while wait(replies, timeout=0.005).not_done:
            most = max(most, sleeping_queries(waiting.database))
    right = f"Waited {WAIT_MS} ms.\n".encode()
    assert [(reply.status, reply.body) for reply in (each.result() for each in replies)] == [(200, right)] * REQUESTS
    return most


def test_as_many_requests_wait_at_once_as_the_worker_class_allows(waiting: Waiting) -> None:
    expected = min(REQUESTS, pairing.server_for(CATALOG, waiting.stack).concurrency)
    seen = 0
    for _ in range(ROUNDS):
        seen = max(seen, most_sleeping_queries(waiting))
        if seen >= expected:
            break
    assert seen == expected


def test_without_its_database_wait_fails_at_once_and_other_paths_are_served(waiting: Waiting) -> None:
    """The last test of a stack, because it ends the database."""
    waiting.end_database()
    for _ in range(2):
        reply = ask(waiting.server, "GET", "/wait?ms=1")
        assert is_problem(reply, 503)
        assert b"the database does not answer" in reply.body
    assert ask(waiting.server, "GET", "/hello").body == b"Hello, world!\n"

"""The layer `events` with a real broker and a real consumer: what is acknowledged has its result, also after faults.

One stack for each kind of worker and each interface; `long` tests have the other servers. Documents differ, so that a
result shows whose it is.
"""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.core import transform
from bench import readiness
from bench.host.pinning import cores
from bench.model import Artifact, Stack, Unavailable
from bench.serve import life_cycle
from tests import commands
from tests.contract.broker import Broker, Worker, broker, worker
from tests.contract.conftest import PLAIN, missing, on_every_server
from tests.declared import CATALOG
from tests.issuer import AUDIENCE, ISSUER, Issuer

SERVERS = (
    "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi-processes", "bjoern", "uvicorn-httptools",
    "granian-rsgi",
)  # fmt: skip
EVERY = on_every_server(PLAIN["cpython"])
STACKS = [stack for stack in EVERY if stack.server in SERVERS]
OTHERS = [pytest.param(stack, marks=pytest.mark.long) for stack in EVERY if stack.server not in SERVERS]
JSON = {"Content-Type": "application/json"}
ASYNC = JSON | {"Prefer": "respond-async"}
USERS = 4
LOAD_SECONDS = 3.0
PATIENCE_SECONDS = 30.0


class Reply(NamedTuple):
    """An answer; header names are lower-case. Status 0: none."""

    status: int
    headers: dict[str, str]
    body: bytes


class Service(NamedTuple):
    """A service with the layer, the label of its server, its broker, and the folder of this test."""

    server: str
    port: int
    broker: Broker
    folder: Path

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> Reply:
        connection = HTTPConnection(life_cycle.HOST, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except (OSError, HTTPException):
            return Reply(0, {}, b"")
        finally:
            connection.close()

    def defer(self, body: bytes, headers: dict[str, str] = ASYNC) -> Reply:
        return self.ask("POST", "/statements", body, headers)

    def result(self, location: str, headers: dict[str, str] = JSON) -> Reply:
        """The result, once it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (reply := self.ask("GET", location, headers=headers)).status in {202, 503}:
            assert time.monotonic() < deadline, reply
            time.sleep(0.05)
        return reply


def document(number: int) -> bytes:
    """A document that no other test sends; eight batches in turn."""
    lines = [{"sku": "A-1", "quantity": 1, "price": number}]
    who = {"id": number, "name": f"customer {number}"}
    order = {"id": number, "placed": "2026-01-01T00:00:00Z", "status": "paid", "customer": who, "lines": lines}
    return json.dumps({"batch": f"b-{number % 8}", "currency": "EUR", "orders": [order]}).encode()


@pytest.fixture(params=STACKS, ids=str)
def service(
    request: pytest.FixtureRequest, prepared: tuple[readiness.Built, list[Unavailable]], tmp_path: Path
) -> Iterator[Service]:
    """Each stack with the layer and a broker of its own."""
    with serving(request.param, prepared, tmp_path) as running:
        yield running


@contextmanager
def serving(
    stack: Stack, prepared: tuple[readiness.Built, list[Unavailable]], folder: Path, **env: str
) -> Iterator[Service]:
    """Serve a stack with the layer."""
    built = prepared[0].get(stack.variant)
    if not isinstance(built, Artifact) or stack.label in built.lacks:
        missing(prepared[1], stack)
    with ExitStack() as stop:
        behind = stop.enter_context(broker(folder / "broker"))
        given = {"STATEMENTS_LAYERS": "events", "STATEMENTS_BROKER": behind.url, **env}
        with pytest.MonkeyPatch.context() as patch:
            commands.alter(patch, lambda argv, own: (argv, own | given))
            running = stop.enter_context(
                life_cycle.serving(CATALOG, stack, life_cycle.HELLO, folder / "log", cores().server)
            )
        yield Service(stack.server, running.port, behind, folder)


def computing(service: Service) -> Any:
    """A consumer of the service's queue."""
    return worker(PLAIN["cpython"], service.broker.url, service.folder)


def test_a_statement_is_made_later_and_is_an_event(service: Service) -> None:
    replies = [service.defer(document(1)), service.defer(b"{}")]
    assert [reply.status for reply in replies] == [202, 202]
    locations = [reply.headers["location"] for reply in replies]
    assert service.ask("GET", locations[0]).status == 202
    assert service.ask("GET", locations[0][:-1] + "g").status == 404
    assert service.ask("GET", "/statements/" + "0" * 32).status == 404
    with computing(service) as consumer:
        made, refused = map(service.result, locations)
        assert (made.status, made.body) == (200, transform(document(1)))
        assert (refused.status, json.loads(refused.body)["pointer"]) == (422, "/batch")
        assert service.ask("POST", "/statements", document(2)).body == transform(document(2))
        assert service.broker.counts() == (0, 2, 2)
        assert consumer.terminate() == 0


def test_without_a_broker_nothing_is_accepted(service: Service) -> None:
    assert service.defer(document(1)).status == 202
    service.broker.kill()
    for headers in (ASYNC, JSON):
        reply = service.ask("POST", "/statements", document(2), headers)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert json.loads(reply.body)["detail"].startswith("the broker does not answer")
    assert service.ask("GET", "/hello").status == 200
    service.broker.start()
    assert accepted(service, document(3)).status == 202


def accepted(service: Service, body: bytes) -> Reply:
    """The answer to a document that is sent again while the broker is away."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (reply := service.defer(body)).status == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    return reply


def test_a_broker_that_stalls_stops_no_worker_that_serves_several_requests(service: Service) -> None:
    before = service.defer(document(1)).headers["location"]
    server = next(each for each in CATALOG.servers.values() if each.label == service.server)
    with service.broker.stalled(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.defer, document(2))
        time.sleep(0.2)
        assert service.ask("GET", "/hello").status == 200
        assert server.concurrency == 1 or not waiting.done()
        assert waiting.result().status == 503
    after = accepted(service, document(3)).headers["location"]
    with computing(service):
        assert service.result(before).body == transform(document(1))
        assert service.result(after).body == transform(document(3))


class Users:
    """Users at once, each of whom sends documents until it is told to stop."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.accepted: dict[int, str] = {}
        self.statuses: set[int] = set()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=[first]) for first in range(1, USERS + 1)]

    def work(self, first: int) -> None:
        number = first
        while not self.is_over.is_set():
            reply = self.service.defer(document(number))
            self.statuses.add(reply.status)
            if reply.status == 202:
                self.accepted[number] = reply.headers["location"]
            number += USERS

    def __enter__(self) -> "Users":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def await_no_work(service: Service) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while service.broker.counts()[0] and time.monotonic() < deadline:
        time.sleep(0.1)


def require_every_result(users: Users) -> None:
    """Each acknowledged document has its own result, and each result is one event."""
    service = users.service
    await_no_work(service)
    assert len(set(users.accepted.values())) == len(users.accepted) > USERS
    lost = {
        number: reply
        for number, location in users.accepted.items()
        if (reply := service.result(location)).body != transform(document(number))
    }
    assert not lost
    waiting, results, events = service.broker.counts()
    assert waiting == 0
    assert results == events >= len(users.accepted)


@pytest.mark.parametrize("service", [*STACKS, *OTHERS], indirect=True, ids=str)
def test_a_broker_that_is_killed_twice_under_load_loses_and_doubles_nothing(service: Service) -> None:
    with computing(service):
        with Users(service) as users:
            for _ in range(2):
                time.sleep(LOAD_SECONDS / 3)
                service.broker.kill()
                service.broker.start()
            time.sleep(LOAD_SECONDS / 3)
        require_every_result(users)
    assert users.statuses <= {202, 503}


BJOERN = [stack for stack in STACKS if stack.server == "bjoern"]


@pytest.mark.parametrize("stack", BJOERN, ids=str)
def test_a_consumer_that_is_killed_under_load_loses_and_doubles_nothing(
    stack: Stack, prepared: tuple[readiness.Built, list[Unavailable]], tmp_path: Path
) -> None:
    with serving(stack, prepared, tmp_path) as service, ExitStack() as stop:
        with Users(service) as users:
            for _ in range(3):
                consumer: Worker = stop.enter_context(computing(service))
                time.sleep(LOAD_SECONDS / 3)
                consumer.kill()
        stop.enter_context(computing(service))
        stop.enter_context(computing(service))  # two at once
        require_every_result(users)


@pytest.mark.parametrize("stack", [stack for stack in STACKS if stack.server in {"bjoern", "granian-rsgi"}], ids=str)
def test_only_who_made_a_statement_gets_it(
    stack: Stack, prepared: tuple[readiness.Built, list[Unavailable]], tmp_path: Path
) -> None:
    issuer = Issuer("ES256")

    def token(subject: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {issuer.token(scope='statements customers:all', sub=subject)}"}

    with issuer.served() as url, ExitStack() as stop:
        env = {"STATEMENTS_ISSUER": ISSUER, "STATEMENTS_AUDIENCE": AUDIENCE, "STATEMENTS_JWKS": url}
        env |= {"STATEMENTS_LAYERS": "identity events"}
        service = stop.enter_context(serving(stack, prepared, tmp_path, **env))
        assert service.defer(document(1)).status == 401
        location = service.defer(document(1), ASYNC | token("anna")).headers["location"]
        for _ in range(2):  # before and after it is made
            assert service.ask("GET", location, headers=token("bert")).status == 404
            assert service.ask("GET", location, headers={}).status == 404
            stop.enter_context(computing(service))
            assert service.result(location, token("anna")).body == transform(document(1))

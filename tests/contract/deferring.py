"""A service with the layer `events`, its broker and its consumers, and what clients ask of it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import psutil
import pytest

from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack, Unavailable
from bench.readiness import building
from bench.serve import http_client, life_cycle
from bench.serve.ports import free_port
from tests import commands, listeners
from tests.contract.broker import Broker, Worker, broker, worker
from tests.contract.conftest import PLAIN, on_every_server, require_built
from tests.contract.network import Network, Stalling
from tests.declared import CATALOG

EVERY = on_every_server(PLAIN["cpython"])
JSON = {"Content-Type": "application/json"}
ASYNC = JSON | {"Prefer": "respond-async"}
PATIENCE_SECONDS = 30.0
Prepared = tuple[building.Built, list[Unavailable]]


class Reply(NamedTuple):
    """An answer; header names are lower-case. Status 0: none."""

    status: int
    headers: dict[str, str]
    body: bytes


class Service:
    """A stack with the layer. It reaches its broker over `network` if there is one; `folder` is that of this test.

    `workers` is the number of worker processes, on servers that may have several.
    """

    def __init__(
        self, stack: Stack, behind: Broker, network: Network | None, folder: Path, workers: int, env: Mapping[str, str]
    ) -> None:
        self.stack = stack
        self.broker = behind
        self.network = network
        self.at = network or behind
        self.folder = folder
        self.workers = workers
        self.env = {"STATEMENTS_LAYERS": "events", "STATEMENTS_BROKER": self.at.url, **env}
        self.port = free_port()
        self.life = ExitStack()

    @property
    def label(self) -> str:
        return self.stack.server

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:  # only during the start
            commands.alter(patch, lambda argv, env: (self.with_workers(argv), env | self.env))
            self.running = self.life.enter_context(
                life_cycle.serving(
                    CATALOG, self.stack, http_client.HELLO, self.folder / "log", cores().server, port=self.port
                )
            )

    def with_workers(self, argv: list[str]) -> list[str]:
        counts = {place for place, word in enumerate(argv, 1) if word in {"--workers", "--processes"}}
        return [str(self.workers) if place in counts else word for place, word in enumerate(argv)]

    def start_again(self) -> None:
        """Start a server that has ended by itself, as its supervisor does."""
        with pytest.raises(LabError, match="exited by itself"):
            self.life.close()
        self.start()

    def processes(self) -> set[psutil.Process]:
        return {self.running.process, *self.running.process.children(recursive=True)}

    def asking(self) -> set[psutil.Process]:
        """The processes of the server that are connected to the broker."""
        found = set()
        for process in self.processes():
            try:
                asks = any(each.raddr and each.raddr[1] == self.at.port for each in process.net_connections())
            except psutil.Error:  # it has ended
                continue
            found |= {process} if asks else set()
        return found

    def has_ended(self) -> bool:
        return self.running.process.status() == psutil.STATUS_ZOMBIE

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

    def defer_until_accepted(self, body: bytes) -> Reply:
        """The answer to a document that is sent again while the broker is away."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (reply := self.defer(body)).status == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        return reply

    def result(self, location: str, headers: dict[str, str] = JSON) -> Reply:
        """The result, once it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (reply := self.ask("GET", location, headers=headers)).status in {202, 503}:
            assert time.monotonic() < deadline, reply
            time.sleep(0.05)
        return reply

    def computing(self) -> AbstractContextManager[Worker]:
        """A consumer of the queue, which reaches the broker over the same network."""
        return worker(self.stack.variant, self.at.url, self.folder)


def document(number: int) -> bytes:
    """A document that no other test sends; eight batches in turn."""
    lines = [{"sku": "A-1", "quantity": 1, "price": number}]
    who = {"id": 1 + number, "name": f"customer {number}"}
    order = {"id": 1 + number, "placed": "2026-01-01T00:00:00Z", "status": "paid", "customer": who, "lines": lines}
    return json.dumps({"batch": f"b-{number % 8}", "currency": "EUR", "orders": [order]}).encode()


@contextmanager
def serving(
    stack: Stack,
    prepared: Prepared,
    folder: Path,
    between: Callable[[int], Network] | None = None,
    workers: int = 1,
    env: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Service]:
    """Serve a stack with the layer and a broker of its own; `between` makes the network to its port."""
    require_built(prepared, stack)
    with ExitStack() as stop:
        behind = stop.enter_context(broker(folder / "broker"))
        network = stop.enter_context(listeners.serving(between(behind.port))) if between else None
        service = Service(stack, behind, network, folder, workers, env)
        stop.push(service.life)
        service.start()
        yield service


def stalled(service: Service) -> AbstractContextManager[None]:
    """Stall the network of a service during the block."""
    assert isinstance(service.network, Stalling)
    return service.network.stalled()

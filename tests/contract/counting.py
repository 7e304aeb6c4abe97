"""A service with the layers `metrics` and `log`, its clients, and what all three say of the requests."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from app.metering import CELLS, IN_FLIGHT, file_in
from app.slots import Slots
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack
from bench.serve import http_client, life_cycle, start_command
from bench.serve.ports import free_port
from tests import commands
from tests.contract.conftest import require_built
from tests.contract.deferring import Prepared, document
from tests.contract.loading import Load, await_that
from tests.declared import CATALOG
from tests.exposed import Series, labels_of

TOKEN = "a-token-of-prometheus"  # noqa: S105 - made up
LAYERS = "request_id health metrics log"
PATIENCE_SECONDS = 30.0
REPLACED_SECONDS = 10.0  # a server that ends lets its other workers end first
USERS = 4
JSON = {"Content-Type": "application/json"}

Line = dict[str, object]  # of the log


class Request(NamedTuple):
    """What the clients send in turn, and how it is counted."""

    method: str
    path: str
    body: bytes | None
    counted: Series


DOCUMENT = document(1)
MADE = Series("/statements", "POST", "2xx")
REQUESTS = (
    Request("GET", "/hello?who=secret", None, Series("/hello", "GET", "4xx")),
    Request("GET", "/hello", None, Series("/hello", "GET", "2xx")),
    Request("POST", "/statements", DOCUMENT, MADE),
    Request("POST", "/statements", b"{}", Series("/statements", "POST", "4xx")),
    Request("GET", "/nope", None, Series("other", "GET", "4xx")),
    Request("PUT", "/statements", b"{}", Series("/statements", "PUT", "4xx")),
    Request("GET", "/wait?ms=5", None, Series("/wait", "GET", "2xx")),
)


class Service:
    """A stack with both layers; what it counts is kept when it starts again."""

    def __init__(self, stack: Stack, folder: Path, workers: int, env: dict[str, str]) -> None:
        self.stack = stack
        self.folder = folder
        self.workers = workers
        self.port = free_port()
        self.life = ExitStack()
        self.logs: list[Path] = []
        self.env = {"STATEMENTS_METRICS": str(folder), "STATEMENTS_METRICS_TOKEN": TOKEN}
        self.env |= {"STATEMENTS_LAYERS": LAYERS, **env}

    def start(self) -> None:
        self.logs.append(self.folder / f"log{len(self.logs)}")
        with pytest.MonkeyPatch.context() as patch:  # only during the start
            commands.alter(patch, lambda argv, own: (self.with_workers(argv), own | self.env))
            self.running = self.life.enter_context(
                life_cycle.serving(
                    CATALOG, self.stack, http_client.HELLO, self.logs[-1], cores().server, port=self.port
                )
            )

    def with_workers(self, argv: list[str]) -> list[str]:
        counts = {place for place, word in enumerate(argv, 1) if word in {"--workers", "--processes"}}
        return [str(self.workers) if place in counts else word for place, word in enumerate(argv)]

    def start_again(self) -> None:
        """End it with SIGTERM, and start it."""
        self.life.close()
        self.start()

    def kill_a_worker(self, clients: "Clients") -> None:
        """Kill one that has answered these clients, and wait until another one answers them."""
        before = self.processes()
        os.kill(self.workers_of(clients).pop(), signal.SIGKILL)
        self.start_again_if_it_ends(lambda: bool(self.workers_of(clients) - before))

    def start_again_if_it_ends(self, is_replaced: Callable[[], bool]) -> None:
        """Wait for what a server does when a worker was killed: it replaces it, or it ends and its supervisor acts."""
        deadline = time.monotonic() + REPLACED_SECONDS
        while time.monotonic() < deadline and not is_replaced():
            if self.running.process.status() == psutil.STATUS_ZOMBIE:
                with suppress(LabError):  # "exited by itself", if it has done so with all its threads
                    self.life.close()
                self.start()
                return
            time.sleep(0.05)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> tuple[int, str]:
        """The status and body of an answer; status 0: none."""
        connection = HTTPConnection(life_cycle.HOST, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, HTTPException):
            return 0, ""
        finally:
            connection.close()

    def scrape(self) -> str:
        """The metrics; a scrape without an answer, during a reload, is repeated."""
        found: list[str] = []

        def is_answered() -> bool:
            status, text = self.ask("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            assert status in {0, 200}, text
            found.extend([text] if status else [])
            return bool(found)

        await_that(is_answered, "no answer to a scrape")
        return found[0]

    def processes(self) -> set[int]:
        """The server's processes, also those of workers that have not answered yet."""
        return {self.running.process.pid, *(each.pid for each in self.running.process.children(recursive=True))}

    def in_flight(self) -> int:
        """How many requests the workers have begun and not ended, without asking them."""
        return sum(cells[IN_FLIGHT] for cells, _ in self.slots.read())

    @cached_property
    def slots(self) -> Slots:
        """The counters of the workers."""
        return Slots(file_in(self.folder), CELLS)

    def lines(self) -> list[Line]:
        """The lines of the log, apart from those of the server."""
        return in_ecs(b"".join(log.read_bytes() for log in self.logs))

    def told(self) -> set[tuple[str, str]]:
        """The version and the deployment that `/__version__`, the metrics and each line since the start tell."""
        said = json.loads(self.ask("GET", "/__version__")[1])
        labels = labels_of(self.scrape(), "statements_build_info")
        lines = in_ecs(self.logs[-1].read_bytes())
        return {
            (said["version"], said["deployment"]["version"]),
            (labels["version"], labels["deployment"]),
            *((str(line["service.version"]), str(line["statements.deployment"])) for line in lines),
        }

    def workers_of(self, clients: "Clients") -> set[int]:
        """The processes that have answered these clients."""
        return {int(str(line["process.pid"])) for line in clients.of(self.lines())}


def in_ecs(output: bytes) -> list[Line]:
    """The lines of an output that are those of the layer."""
    return [json.loads(line) for line in output.split(b"\n")[:-1] if line.startswith(b'{"@timestamp"')]


@contextmanager
def counted(stack: Stack, prepared: Prepared, folder: Path, workers: int, **env: str) -> Iterator[Service]:
    """Serve a stack with both layers."""
    require_built(prepared, stack)
    service = Service(stack, folder, workers, env)
    with service.life:
        service.start()
        yield service


@contextmanager
def piped(
    stack: Stack, prepared: Prepared, folder: Path, workers: int
) -> Iterator[tuple[Service, Callable[[], list[Line]]]]:
    """Serve a stack whose stdout is a pipe. The function reads the lines that wait in it; nobody else does."""
    require_built(prepared, stack)
    service = Service(stack, folder, workers, {})
    argv, own = start_command.command(CATALOG, stack, service.port, life_cycle.HOST, folder)
    with subprocess.Popen(
        service.with_workers(argv), cwd=folder, env=own | service.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        waiting = process.stdout.fileno()
        os.set_blocking(waiting, False)  # of our end alone

        def unread() -> list[Line]:
            found = b""
            with suppress(BlockingIOError):
                while part := os.read(waiting, 2**16):
                    found += part
            return in_ecs(found)

        try:
            await_that(lambda: service.ask("GET", "/hello")[0] == 200, "not ready")
            yield service, unread
        finally:
            process.terminate()


class Clients(Load):
    """Clients that send requests at once until the block ends; each request has an id."""

    def __init__(self, service: Service) -> None:
        super().__init__(USERS)
        self.service = service
        self.name = os.urandom(4).hex()
        self.sent: dict[str, Series] = {}
        self.answered: dict[str, Series] = {}

    def take(self, user: int, turn: int) -> None:
        method, path, body, counted = REQUESTS[turn % len(REQUESTS)]
        named = f"{self.name}-{user}-{turn}"
        self.sent[named] = counted
        status, _ = self.service.ask(method, path, body, JSON | {"X-Request-ID": named})
        if status:
            self.answered[named] = Series(counted.route, counted.method, f"{status // 100}xx")
        else:
            time.sleep(0.05)

    def of(self, lines: list[Line]) -> list[Line]:
        """The lines of these clients' requests."""
        return [line for line in lines if line["http.request.id"] in self.sent]


def logged(lines: list[Line]) -> Counter[Series]:
    """How many requests of each kind the log has."""
    names = ("http.route", "http.request.method", "http.response.status_code")
    told = [[str(line[name]) for name in names] for line in lines]
    return Counter(Series(route, method, f"{status[0]}xx") for route, method, status in told)

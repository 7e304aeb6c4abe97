"""`python -m tests.billing`: what callers of billing see while `statements` fails, by worker class.

Billing runs under Gunicorn, with the packages of `bench/locks/billing.txt` in `.lab/tools/billing` and the generated
client in `.lab/clients/python`. Times are those of this machine now, and nothing judges them.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from bench.paths import ROOT
from bench.serve.ports import free_port
from tests import tools
from tests.cores import order
from tests.downstream import FAULTS, HOST, KINDS, REFUSED, Downstream, Kind, downstream
from tests.languages import LANGUAGES, built

WORKERS = {
    "sync": ["--worker-class", "sync", "billing.wsgi:application"],
    "gthread": ["--worker-class", "gthread", "--threads", "40", "billing.wsgi:application"],
    "gevent": ["--worker-class", "gevent", "billing.wsgi:application"],
    "asyncio": ["--worker-class", "uvicorn_worker.UvicornWorker", "billing.asgi:application"],
}
PROCESSES = {"sync": 4, "gthread": 1, "gevent": 1, "asyncio": 1}  # a sync worker handles one request at once
START_SECONDS = 30.0
HANGS_SECONDS = 30.0  # far beyond the deadline of billing: a caller who waits that long waits for ever
AT_ONCE = 12  # requests, where a worker handles several
WARM = 40  # requests, before those of the table
UNBROKEN = {"BILLING_CIRCUIT_FAILURES": "1000000"}  # each fault is seen by itself


class Answer(NamedTuple):
    """What the caller saw; the names of the headers are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


class Service(NamedTuple):
    """A running process tree that answers on a port, `at_once` requests at a time."""

    port: int
    process: subprocess.Popen[bytes]
    at_once: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """The answer to a request over a connection of its own. Raises OSError or HTTPException without an answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection(HOST, self.port, timeout=HANGS_SECONDS)
        began = time.monotonic()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", "Connection": "close"} | given)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content, time.monotonic() - began)

    def post(self, batch: str, **headers: str) -> Answer:
        """The bills of a batch of one open order."""
        return self.ask("POST", "/bills", document(batch), **headers)

    def tried(self, faults: Iterable[str]) -> dict[str, Answer]:
        """What the caller sees of each fault; no request waits for its turn."""
        names = list(faults)
        with ThreadPoolExecutor(self.at_once) as threads:
            return dict(zip(names, threads.map(self.post, names), strict=True))


def document(batch: str) -> bytes:
    """A batch of one order, of which 500 are due."""
    return json.dumps({"batch": batch, "currency": "EUR", "orders": [order(status="open")]}).encode()


@contextmanager
def served(words: list[str], log: Path, env: dict[str, str], processes: int = 1) -> Iterator[Service]:
    """Gunicorn with an application of the checkout, which may import the generated client."""
    client, python = built(LANGUAGES["python"]), str(tools.python("billing"))
    port = free_port()
    argv = [python, "-m", "gunicorn", "--bind", f"{HOST}:{port}", "--workers", str(processes)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*argv, "--no-control-socket", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{client}", "PYTHONDONTWRITEBYTECODE": "1"} | env,
            stdout=output,
            stderr=output,
        )
    try:
        service = Service(port, process, processes if "sync" in words else AT_ONCE)
        _await(service, log)
        yield service
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _await(service: Service, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            service.ask("GET", "/healthz")
        except (OSError, HTTPException):
            assert service.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@contextmanager
def billing(worker: str, folder: Path, env: dict[str, str], processes: int = 1) -> Iterator[tuple[Service, Downstream]]:
    """Billing under a worker class, and what it calls."""
    with downstream() as fails:
        log, asked = folder / f"{worker}.log", {"BILLING_STATEMENTS": fails.url}
        with served(WORKERS[worker], log, asked | env, processes) as service:
            yield service, fails


def row(kind: Kind, answers: list[list[Answer]]) -> str:
    """The row of a kind of faults, with the longest time under each worker class. Raises ValueError if one is wrong."""
    statuses = {answer.status for each in answers for answer in each}
    if statuses != {kind.status}:
        raise ValueError(f"{kind.title}: {statuses}")
    times = [f"{1000 * max(answer.seconds for answer in each):,.0f} ms" for each in answers]
    return " | ".join([f"| {kind.title}", str(kind.status), str(kind.requests), *times]) + " |"


def main() -> None:
    """Try each fault under each worker class, and print the table."""
    seen: dict[str, dict[str, Answer]] = {}
    refused: list[list[Answer]] = []
    with tempfile.TemporaryDirectory(prefix="billing-") as name:
        for worker in WORKERS:
            with billing(worker, Path(name), UNBROKEN, PROCESSES[worker]) as (service, fails):
                service.tried(["first"] * WARM)
                seen[worker] = service.tried(FAULTS)
                with fails.away():
                    refused.append([service.post("refused")])
    print(f"| `statements` … | caller gets | requests | {' | '.join(seen)} |\n|---|--:|--:|{'--:|' * len(seen)}")
    for kind in KINDS:
        print(row(kind, [[answers[fault.__name__] for fault in kind.faults] for answers in seen.values()]))
    print(row(REFUSED, refused))


if __name__ == "__main__":
    main()

"""A real broker that is killed and started again, a real consumer of the queue, and what both keep."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from app.jetstream import ask
from app.nats import Client
from app.work import EVENTS, QUEUE, RESULTS
from bench.build import artifacts
from bench.errors import MissingError
from bench.serve import backend, programs
from bench.serve.ports import free_port
from tests.absent import absent
from tests.declared import CATALOG

DECLARED = CATALOG.backends["nats"]
READY_SECONDS = 20.0


class Broker:
    """A broker in a folder of its own, with a port that stays while it is killed and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return DECLARED.dsn.format(port=self.port)

    def start(self) -> None:
        """Start it with what it has kept. Returns once a client can connect."""
        environment = programs.environment(DECLARED, self.folder)
        with (self.folder / "log").open("ab") as log:
            argv = programs.command(DECLARED, DECLARED.argv, self.folder, self.port)
            self.process = subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=log, stderr=log)
        ready = programs.command(DECLARED, DECLARED.ready, self.folder, self.port)
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run(ready, env=environment, capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            assert self.process.poll() is None, (self.folder / "log").read_text()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Stop the process during the block: connections to it are neither refused nor answered."""
        stopped = psutil.Process(self.process.pid if self.process else 0)
        stopped.suspend()
        try:
            yield
        finally:
            stopped.resume()

    def state(self, stream: str) -> dict[str, Any]:
        """What a stream holds, in the words of its API."""
        client = Client(self.url)
        state: dict[str, Any] = ask(client, f"STREAM.INFO.{stream}", {})["state"]
        client.close()
        return state

    def counts(self) -> tuple[int, int, int]:
        """How many documents wait, how many results are stored, and how many events there were."""
        return (
            self.state(QUEUE)["messages"],
            self.state(RESULTS).get("num_subjects", 0),
            self.state(EVENTS)["messages"],
        )


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A running broker."""
    try:
        backend.require(DECLARED)
    except MissingError as error:
        absent(str(error), error.remedy)
    folder.mkdir()
    running = Broker(folder)
    try:
        running.start()
        yield running
    finally:
        running.kill()


class Worker:
    """A process that computes queued documents with a variant."""

    def __init__(self, variant: str, url: str, folder: Path) -> None:
        environment = artifacts.environment(CATALOG, CATALOG.variant(variant)) | {"STATEMENTS_BROKER": url}
        argv = [str(artifacts.python(variant)), "-m", "app.consumer"]
        with (folder / "consumer.log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """End it by SIGTERM. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(READY_SECONDS)


@contextmanager
def worker(variant: str, url: str, folder: Path) -> Iterator[Worker]:
    """A running process; killed at the end if it still runs."""
    running = Worker(variant, url, folder)
    try:
        yield running
    finally:
        running.kill()

"""A real broker that is killed and started again, a real consumer of the queue, and what both keep."""

import base64
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from app.jetstream import ask
from app.nats import headers_of
from app.nats_blocking import Client
from app.work import EVENTS, QUEUE, RESULTS, Work
from bench.build import artifacts
from bench.errors import MissingError
from bench.host import exclusive
from bench.serve import backend, programs
from bench.serve.ports import free_port
from tests.absent import absent
from tests.declared import CATALOG

DECLARED = CATALOG.backends["nats"]
READY_SECONDS = 20.0
RESULT = "$KV.statements."  # begins the subject of a result


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

    def make_streams(self) -> None:
        """Make the streams of the service."""
        client = Client(self.url)
        client.run(Work().prepare())
        client.close()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def state(self, stream: str) -> dict[str, Any]:
        """What a stream holds, in the words of its API."""
        state: dict[str, Any] = self._asked(f"STREAM.INFO.{stream}", {})["state"]
        return state

    def _asked(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        client = Client(self.url)
        answer = client.run(ask(operation, request))
        client.close()
        return answer

    def results(self) -> Counter[str]:
        """How many results are stored, by the id of the document."""
        state = self._asked(f"STREAM.INFO.{RESULTS}", {"subjects_filter": f"{RESULT}>"})["state"]
        return Counter({subject.removeprefix(RESULT): count for subject, count in state.get("subjects", {}).items()})

    def events(self) -> Counter[str]:
        """How many events are stored, by the id in each."""
        return Counter(json.loads(base64.b64decode(message["data"]))["id"] for message in self._events())

    def headers_of_events(self) -> list[dict[str, str]]:
        """The headers of each stored event, the oldest first."""
        return [headers_of(base64.b64decode(message["hdrs"]))[1] for message in self._events()]

    def _events(self) -> list[dict[str, Any]]:
        state, client = self.state(EVENTS), Client(self.url)
        sequence = range(state["first_seq"], state["last_seq"] + 1)
        messages = [client.run(ask(f"STREAM.MSG.GET.{EVENTS}", {"seq": number}))["message"] for number in sequence]
        client.close()
        return messages

    def counts(self) -> tuple[int, int, int]:
        """How many documents wait, how many results are stored, and how many events there were."""
        return (
            self.state(QUEUE)["messages"],
            self.state(RESULTS).get("num_subjects", 0),
            self.state(EVENTS)["messages"],
        )


@cache
def unpack() -> None:
    """Unpack the broker, in one test process at a time. Raises MissingError."""
    with exclusive.building(lambda _: None):
        backend.require(DECLARED)


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A running broker."""
    try:
        unpack()
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

    def __init__(self, variant: str, url: str, folder: Path, words: Sequence[str] = ("-m", "app.consumer")) -> None:
        environment = artifacts.environment(CATALOG, CATALOG.variant(variant)) | {"STATEMENTS_BROKER": url}
        argv = [str(artifacts.python(variant)), *words]
        with (folder / "consumer.log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended; signal N is -N."""
        return self.process.wait(READY_SECONDS)

    def terminate(self) -> int:
        """End it by SIGTERM. Returns its exit status."""
        self.process.terminate()
        return self.wait()


@contextmanager
def worker(variant: str, url: str, folder: Path, words: Sequence[str] = ("-m", "app.consumer")) -> Iterator[Worker]:
    """A running process; killed at the end if it still runs."""
    running = Worker(variant, url, folder, words)
    try:
        yield running
    finally:
        running.kill()

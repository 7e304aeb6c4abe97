"""The yardstick beside `app/consumer.py`: actors that compute documents, one at a time for each batch.

    python actors.py cost SYSTEM ADDRESS [MESSAGES]   what a message takes, from sending it to the end of its work
    python actors.py work SYSTEM ADDRESS LOG SENT     send so many documents, then work until SIGKILL

SYSTEM is `queue` (the service's own), `pykka`, `dramatiq-stub` or `dramatiq-redis`; ADDRESS is that of its broker, if
it has one. `cost` prints a JSON line: wall and CPU seconds of a message, of all threads of this process, and those of
sending it alone; the work itself is empty. `work` prints `sent` once all are sent. For each document that is done it
adds a line to LOG: its batch, its id, and when its work began and ended, in seconds of the machine.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Protocol

import dramatiq
import pykka
from dramatiq.brokers.redis import MAINTENANCE_SCALE, RedisBroker
from dramatiq.brokers.stub import StubBroker

from app.consumer import Consumer
from app.nats_blocking import Client
from app.work import Work

MESSAGES = 1000
BATCHES = 4
WORK_SECONDS = 0.02
POLL_SECONDS = 0.002
LIMIT_SECONDS = 60.0

Task = Callable[[bytes], bytes]


class System(Protocol):
    """A system of actors."""

    def send(self, document: bytes) -> None:
        """Send a document to the actor of its batch."""

    def start(self) -> None:
        """Begin to work, in threads."""


class Queue:
    """The service's queue: a document is sent once the broker has acknowledged it; its result and event are stored."""

    def __init__(self, address: str, task: Task) -> None:
        self.client, self.work = Client(address), Work()
        self.consumer = Consumer(address, task)

    def send(self, document: bytes) -> None:
        """Send a document to the actor of its batch."""
        self.client.run(self.work.submit(document, None))

    def start(self) -> None:
        """Begin to work, in a thread."""
        Thread(target=self.consumer.run, daemon=True).start()


class Batch(pykka.ThreadingActor):  # type: ignore[misc]  # the lab has no types of pykka
    """The actor of a batch."""

    use_daemon_thread = True

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def on_receive(self, document: bytes) -> None:
        """Do a document; the sender expects no answer."""
        self.task(document)


class Pykka:
    """An actor in a thread of this process for each batch."""

    def __init__(self, _: str, task: Task) -> None:
        self.actors = {name: Batch.start(task) for name in map(batch, range(BATCHES))}

    def send(self, document: bytes) -> None:
        """Send a document to the actor of its batch."""
        self.actors[json.loads(document)["batch"]].tell(document)

    def start(self) -> None:
        """Actors work from the beginning."""


class Dramatiq:
    """dramatiq with its defaults, but for how soon it looks after workers that have died. Eight threads work."""

    def __init__(self, address: str, task: Task) -> None:
        broker = StubBroker()
        if address:
            broker = RedisBroker(url=address, heartbeat_timeout=2000, maintenance_chance=MAINTENANCE_SCALE)
        self.actor = dramatiq.actor(lambda text: task(text.encode()) and None, actor_name="compute", broker=broker)
        self.worker = dramatiq.Worker(broker, worker_threads=8)

    def send(self, document: bytes) -> None:
        """Send a document to the actor of its batch."""
        self.actor.send(document.decode())

    def start(self) -> None:
        """Begin to work, in threads."""
        self.worker.start()


SYSTEMS: dict[str, Callable[[str, Task], System]] = {
    "queue": Queue,
    "pykka": Pykka,
    "dramatiq-stub": Dramatiq,
    "dramatiq-redis": Dramatiq,
}


def batch(number: int) -> str:
    """The name of a document's batch."""
    return f"b-{number % BATCHES}"


def documents(count: int) -> list[bytes]:
    """So many documents of `BATCHES` batches in turn."""
    return [json.dumps({"batch": batch(number), "id": number}).encode() for number in range(count)]


def cost(name: str, address: str, count: int) -> dict[str, float]:
    """What a message takes."""
    done: list[None] = []

    def task(_: bytes) -> bytes:
        done.append(None)
        return b"{}"

    system, sent = SYSTEMS[name](address, task), documents(count)
    system.start()
    system.send(sent[0])
    _wait_for(done, 1)
    wall, cpu = time.perf_counter(), time.process_time()
    for document in sent:
        system.send(document)
    wall_sent = time.perf_counter() - wall
    _wait_for(done, 1 + count)
    wall_done, cpu_done = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall_done / count, "cpu": cpu_done / count, "wall_sent": wall_sent / count}


def _wait_for(done: list[None], count: int) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(done) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(done)} of {count} are done after {LIMIT_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def work(name: str, address: str, log: Path, count: int) -> None:
    """Send documents and work until this process is killed."""
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def task(document: bytes) -> bytes:
        began, own = time.monotonic(), json.loads(document)
        time.sleep(WORK_SECONDS)
        os.write(lines, f"{own['batch']} {own['id']} {began} {time.monotonic()}\n".encode())
        return b"{}"

    system = SYSTEMS[name](address, task)
    for document in documents(count):
        system.send(document)
    print("sent", flush=True)
    system.start()
    while True:
        time.sleep(LIMIT_SECONDS)


if __name__ == "__main__":
    verb, chosen, broker, *rest = sys.argv[1:]
    if verb == "cost":
        print(json.dumps({"system": chosen} | cost(chosen, broker, int(rest[0]) if rest else MESSAGES)))
    else:
        work(chosen, broker, Path(rest[0]), int(rest[1]))

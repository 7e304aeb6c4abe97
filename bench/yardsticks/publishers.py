"""The yardstick beside the service's clients of NATS: the time of an acknowledged publish, by publisher.

    python publishers.py nats://127.0.0.1:4222 [EVENTS]

Prints a JSON line for each publisher: wall and CPU seconds of an event, of all threads of this process; the medians of
`ROUNDS` rounds of EVENTS events each. `at_once` requests publish at the same time. Each event has its own id, and is
the one that the layer `events` publishes. The exit status is 1 if the broker has stored another number of events.
"""

import asyncio
import atexit
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from threading import Thread
from typing import Any

import nats

from app import nats_asyncio
from app.jetstream import ID, ask
from app.nats import LIMIT_SECONDS, published
from app.nats_blocking import Client, Connection
from app.work import EVENTS as STREAM
from app.work import MADE, Work, new_id

ROUNDS = 7
EVENTS = 1000
MANY = 8  # requests at the same time
BULK = 64  # events before their acknowledgements are awaited
ACKNOWLEDGED = "2"  # the subscription to acknowledgements

Publish = Callable[[], object]
Run = Callable[[int], None]


def event() -> tuple[bytes, dict[str, str]]:
    """An event and its headers, as `app.work` publishes it."""
    id = new_id()  # noqa: A001 - what it is
    return json.dumps({"id": id, "by": None}).encode(), {ID: id}


def in_threads(publish: Publish, at_once: int) -> Run:
    """Publish in so many threads; in this one if it is the only one."""

    def some(count: int) -> None:
        for _ in range(count):
            publish()

    def run(count: int) -> None:
        threads = [Thread(target=some, args=(count // at_once,)) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return some if at_once == 1 else run


def in_tasks(loop: asyncio.AbstractEventLoop, publish: Callable[[], Awaitable[object]], at_once: int) -> Run:
    """Publish in so many tasks of a loop."""

    async def some(count: int) -> None:
        for _ in range(count):
            await publish()

    async def all_of_them(count: int) -> None:
        await asyncio.gather(*(some(count // at_once) for _ in range(at_once)))

    return lambda count: loop.run_until_complete(all_of_them(count))


def in_bulk(address: str) -> Run:
    """Publish by the blocking client, and await acknowledgements for `BULK` events at once."""
    deadline = time.monotonic() + LIMIT_SECONDS
    connection, inbox = Connection(Client(address).address, deadline), f"_INBOX.{os.urandom(12).hex()}"
    connection.subscribe(f"{inbox}.*", ACKNOWLEDGED, deadline)

    def run(count: int) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        under_way = 0
        for number in range(1, count + 1):
            payload, headers = event()
            connection.send(published(MADE, payload, f"{inbox}.1", headers), deadline)
            under_way += 1
            while under_way and (number % BULK == 0 or number == count):
                json.loads(connection.receive(deadline).payload)["seq"]
                under_way -= 1

    return run


def lean(address: str) -> dict[tuple[str, int], Run]:
    """The service's own clients: the blocking one, alone, beside a loop by threads, and in bulk; the one on a loop."""
    loop, work = asyncio.new_event_loop(), Work()
    alone, beside, on_loop = Client(address), Client(address), nats_asyncio.Client(address)
    atexit.register(loop.run_until_complete, asyncio.sleep(0))
    atexit.register(on_loop.close)
    found: dict[tuple[str, int], Run] = {}
    for at_once in (1, MANY):
        found["app.nats_blocking", at_once] = in_threads(lambda: alone.run(work.announce(new_id(), None)), at_once)
        found["app.nats_blocking, in a thread beside a loop", at_once] = in_tasks(
            loop, lambda: asyncio.to_thread(beside.run, work.announce(new_id(), None)), at_once
        )
        found["app.nats_asyncio", at_once] = in_tasks(loop, lambda: on_loop.run(work.announce(new_id(), None)), at_once)
    return found | {("app.nats_blocking, in bulk", BULK): in_bulk(address)}


def nats_py(address: str) -> dict[tuple[str, int], Run]:
    """nats-py on the loop of this thread, on a loop in another one, and in bulk."""
    here, there = asyncio.new_event_loop(), asyncio.new_event_loop()
    Thread(target=there.run_forever, daemon=True).start()
    one = here.run_until_complete(nats.connect(address))
    two = asyncio.run_coroutine_threadsafe(nats.connect(address), there).result()
    atexit.register(lambda: here.run_until_complete(one.close()))
    atexit.register(lambda: asyncio.run_coroutine_threadsafe(two.close(), there).result())
    on_loop, behind = one.jetstream(), two.jetstream()

    def awaited(context: Any) -> Any:
        payload, headers = event()
        return context.publish(MADE, payload, headers=headers)

    async def in_bulk(count: int) -> None:
        under_way = []
        for number in range(1, count + 1):
            payload, headers = event()
            under_way.append(await on_loop.publish_async(MADE, payload, headers=headers))
            if number % BULK == 0 or number == count:
                await asyncio.gather(*under_way)
                under_way.clear()

    def blocking() -> object:
        return asyncio.run_coroutine_threadsafe(awaited(behind), there).result()

    found: dict[tuple[str, int], Run] = {}
    for at_once in (1, MANY):
        found["nats-py, on asyncio", at_once] = in_tasks(here, lambda: awaited(on_loop), at_once)
        found["nats-py, on a loop thread", at_once] = in_threads(blocking, at_once)
    return found | {("nats-py, in bulk", BULK): lambda count: here.run_until_complete(in_bulk(count))}


def timed(run: Run, count: int) -> tuple[float, float]:
    """Wall and CPU seconds of an event."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(count)
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def main(address: str, count: int) -> int:
    """Time all publishers in turn, round by round. Returns the exit status."""
    count -= count % MANY
    client = Client(address)
    client.run(Work().prepare())
    runs = lean(address) | nats_py(address)
    for run in runs.values():
        run(MANY)  # connects
    values: dict[tuple[str, int], list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            values[name].append(timed(run, count))
    for (publisher, at_once), rounds in values.items():
        wall, cpu = (median(each) for each in zip(*rounds, strict=True))
        print(json.dumps({"publisher": publisher, "at_once": at_once, "wall": wall, "cpu": cpu}))
    stored = client.run(ask(f"STREAM.INFO.{STREAM}", {}))["state"]["messages"]
    sent = len(runs) * (ROUNDS * count + MANY)
    if stored != sent:
        print(f"{sent} events were sent, {stored} are stored", file=sys.stderr)
    return int(stored != sent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else EVENTS))

"""Users of a service, and what became of what it acknowledged: how many results and events are lost or doubled."""

import threading
import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from app.core import transform
from tests.contract.deferring import JSON, PATIENCE_SECONDS, Service, document

USERS = 4
TURNS = 4  # one statement of so many is made at once
PAUSE_SECONDS = 0.05  # after a refusal


class Users:
    """Users at once, each of whom sends documents until the block ends.

    `accepted` has the locations of the statements that are made later, `made` are those that were made at once.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.accepted: dict[int, str] = {}
        self.made: list[int] = []
        self.wrong: list[int] = []  # of those made at once
        self.statuses: set[int] = set()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=[first]) for first in range(USERS)]

    def work(self, first: int) -> None:
        for turn in count():
            if self.is_over.is_set():
                return
            number = first + turn * USERS
            status = self.make(number) if turn % TURNS == TURNS - 1 else self.defer(number)
            self.statuses.add(status)
            if status not in {200, 202}:
                time.sleep(PAUSE_SECONDS)

    def defer(self, number: int) -> int:
        reply = self.service.defer(document(number))
        if reply.status == 202:
            self.accepted[number] = reply.headers["location"]
        return reply.status

    def make(self, number: int) -> int:
        reply = self.service.ask("POST", "/statements", document(number), JSON)
        if reply.status == 200:
            self.made.append(number)
            self.wrong += [] if reply.body == transform(document(number)) else [number]
        return reply.status

    def await_more(self) -> None:
        """Return once another document is accepted."""
        before = len(self.accepted)
        await_that(lambda: len(self.accepted) > before, "no document is accepted")

    def __enter__(self) -> "Users":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def await_that(happens: Callable[[], bool], otherwise: str) -> None:
    """Wait until something happens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


class Counts(NamedTuple):
    """What was acknowledged, and what became of it.

    Lost: a document without its own result, a result without an event, or a statement without an event; of these last,
    no more are seen than there are too few events. Doubled: an id with two results or two events.
    """

    acknowledged: int
    lost: int
    doubled: int


def counted(users: Users) -> Counts:
    """Wait until no document waits, and count."""
    service, results_of = users.service, users.accepted
    await_that(lambda: service.broker.counts()[0] == 0, "documents wait")
    assert len(set(results_of.values())) == len(results_of)
    missing = [number for number, at in results_of.items() if service.result(at).body != transform(document(number))]
    results, events = service.broker.results(), service.broker.events()
    unannounced = results.keys() - events.keys()
    too_few = max(0, len(users.made) - len(events.keys() - results.keys()))
    return Counts(
        acknowledged=len(results_of) + len(users.made),
        lost=len(missing) + len(unannounced) + too_few,
        doubled=sum(count > 1 for count in (*results.values(), *events.values())),
    )

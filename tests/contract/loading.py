"""Users of a service, and what became of what it acknowledged: how many results and events are lost or doubled."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import NamedTuple, Self

from app.core import transform
from tests.contract.deferring import JSON, PATIENCE_SECONDS, Service, document

USERS = 4
TURNS = 4  # one statement of so many is made at once
PAUSE_SECONDS = 0.05  # after a refusal


class Load(ABC):
    """Users at once, each in a thread of its own, until the block ends."""

    def __init__(self, users: int) -> None:
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=[user]) for user in range(users)]

    @abstractmethod
    def take(self, user: int, turn: int) -> None:
        """What a user does in a turn."""

    def work(self, user: int) -> None:
        for turn in count():
            if self.is_over.is_set():
                return
            self.take(user, turn)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


class Users(Load):
    """Users at once, each of whom sends documents until the block ends.

    `accepted` has the locations of the statements that are made later, `made` are those that were made at once.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(USERS)
        self.service = service
        self.accepted: dict[int, str] = {}
        self.made: list[int] = []
        self.wrong: list[int] = []  # of those made at once
        self.statuses: set[int] = set()

    def take(self, user: int, turn: int) -> None:
        number = user + turn * USERS
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

"""Takes documents from the queue, one at a time: none is given out to a process that computes another one.

Each partition has a consumer at the broker. To take documents from all of them, a process would have a request at each,
and might get eight documents at once. So it only asks each to tell when it has a document: the broker refuses a request
whose `max_bytes` are too few for the next document, which stays in the queue, and was not given out. Then the process
asks one of the partitions that have one.

Requests: https://docs.nats.io/reference/jetstream/api/consumer
"""

import os
import time
from collections.abc import Iterable
from random import randrange

from app.deadline import left, within
from app.jetstream import BACK, SECOND, WORKING, further
from app.nats import Message, NoBroker, published
from app.nats_blocking import Connection
from app.work import QUEUE

WATCH_SECONDS = 30.0  # how long the broker holds a request that no document fits
HEARTBEAT_SECONDS = 5.0  # while it holds one, it sends a message so often
PULL_SECONDS = 0.02  # how long it holds a request for a document; another process may have taken it
SILENCE_SECONDS = 12.0  # a connection that is silent so long is broken
POLL_SECONDS = 0.5
DELIVERED = "2"  # the subscription to documents
WATCH, PULL = "watch", "pull"
REQUESTS = {
    WATCH: b'{"batch": 1, "max_bytes": 1, "expires": %d, "idle_heartbeat": %d}'
    % (int(WATCH_SECONDS * SECOND), int(HEARTBEAT_SECONDS * SECOND)),
    PULL: b'{"batch": 1, "expires": %d}' % int(PULL_SECONDS * SECOND),
}
HAS_DOCUMENT = "409 Message Size Exceeds MaxBytes"


class Puller:
    """What a process takes documents with, over a connection of its own. All methods raise OSError or NoBroker.

    A partition is watched, or is known to have a document, or is asked for it.
    """

    def __init__(self, connection: Connection, partitions: Iterable[int]) -> None:
        self.connection = connection
        self.inbox = f"_INBOX.{os.urandom(12).hex()}"
        self.having: list[int] = []
        self.is_asking = False
        self.answer_by = 0.0  # the deadline of what is asked for
        self.silence_seconds = 0.0
        connection.subscribe(f"{self.inbox}.*.*", DELIVERED, within(SILENCE_SECONDS))
        for partition in partitions:
            self._request(WATCH, partition)

    def next(self) -> Message | None:
        """The next document; None if there is none yet. Answer it before the next call."""
        if self.is_asking:
            left(self.answer_by)
        elif self.having:
            self.is_asking, self.answer_by = True, within(SILENCE_SECONDS)
            self._request(PULL, self.having.pop(randrange(len(self.having))))  # other processes may ask for the first
        message = self._received(POLL_SECONDS)
        if message is None or message.status:
            self._note(message)
            return None
        self.is_asking = False
        partition = int(message.subject.split(".")[2])
        if further(message):
            self.having.append(partition)
        else:
            self._request(WATCH, partition)
        return message

    def answer(self, message: Message, word: bytes) -> None:
        """Tell the broker what became of a document."""
        self.connection.send(published(message.reply, word), within(SILENCE_SECONDS))

    def hold(self, message: Message, seconds: float) -> None:
        """Keep a document for a while: the broker does not give it out again meanwhile."""
        self.answer(message, WORKING)
        until = within(seconds)
        while (remaining := until - time.monotonic()) > 0:
            self._note(self._received(remaining))

    def end(self) -> None:
        """Give back a document that was asked for. Return once the broker has had all answers."""
        while self.is_asking:
            if (message := self.next()) is not None:
                self.answer(message, BACK)
        self.connection.flush(within(SILENCE_SECONDS))

    def _received(self, seconds: float) -> Message | None:
        """The next message, None if none comes in time."""
        try:
            message = self.connection.receive(within(seconds))
        except TimeoutError:
            self.silence_seconds += seconds
            if self.silence_seconds > SILENCE_SECONDS:
                raise
            return None
        self.silence_seconds = 0.0
        return message

    def _note(self, message: Message | None) -> None:
        """Note what the broker says of a request."""
        if message is None or message.status.startswith("100"):  # a heartbeat
            return
        _, kind, partition = message.subject.rsplit(".", 2)
        if message.status == HAS_DOCUMENT:
            self.having.append(int(partition))
        elif message.status.startswith("408"):  # no document came in time
            self.is_asking = self.is_asking and kind != PULL
            self._request(WATCH, int(partition))
        else:
            raise NoBroker(message.status)

    def _request(self, kind: str, partition: int) -> None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{QUEUE}.partition-{partition}"
        reply = f"{self.inbox}.{kind}.{partition}"
        self.connection.send(published(subject, REQUESTS[kind], reply), within(SILENCE_SECONDS))

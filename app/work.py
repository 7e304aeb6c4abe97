"""What the service keeps at its broker: a queue of documents, and for an hour their results and the events.

The queue has partitions. A batch is always in the same one, and each gives out its next document once the last one is
done. So any number of consumers compute the documents of a batch one at a time.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote
from zlib import crc32

from app.deadline import within
from app.jetstream import ID, SECOND, NoStream, ask, newest, publish
from app.nats import LIMIT_SECONDS, Client, Message

QUEUE, EVENTS, RESULTS = "STATEMENTS_WORK", "STATEMENTS_MADE", "KV_statements"
MADE = "statements.made"  # the subject of events
MADE_STATUS = "200 OK"  # of a statement; every other outcome is a problem
PARTITIONS = 8
STREAM_BYTES = 256 * 2**20  # of each: a full queue accepts no more; the oldest results and events give way
KEPT_SECONDS = 3600  # results and events
BY, STATUS = "Statements-By", "Statements-Status"  # headers of messages

STREAMS: tuple[dict[str, Any], ...] = (
    {
        "name": QUEUE,
        "subjects": ["statements.work.*.*"],
        "retention": "workqueue",
        "discard": "new",
        "max_bytes": STREAM_BYTES,
        "allow_direct": True,
    },
    {
        "name": EVENTS,
        "subjects": [MADE],
        "max_age": KEPT_SECONDS * SECOND,
        "discard": "old",
        "max_bytes": STREAM_BYTES,
    },
    {  # a bucket of the key-value store
        "name": RESULTS,
        "subjects": ["$KV.statements.>"],
        "max_msgs_per_subject": 1,
        "max_age": KEPT_SECONDS * SECOND,
        "discard": "old",
        "max_bytes": STREAM_BYTES,
        "allow_direct": True,
        "deny_delete": True,
        "allow_rollup_hdrs": True,
    },
)

_batch = re.compile(rb'"batch"\s*:\s*"([^"]*)"').search
_is_id = re.compile(f"[0-{PARTITIONS - 1}][0-9a-f]{{31}}").fullmatch

Returned = TypeVar("Returned")


class Outcome(NamedTuple):
    """The answer that a synchronous request would have got, and the subject of who made it; None: nobody is known."""

    status: str
    body: bytes
    by: str | None


def is_id(text: str) -> bool:
    return _is_id(text) is not None


def new_id(document: bytes = b"") -> str:
    """A random id. Its first digit is the partition of the document's batch, which is read without parsing all."""
    found = _batch(document)
    return f"{crc32(found[1] if found else b'') % PARTITIONS}{os.urandom(16).hex()[1:]}"


def queued(id: str) -> str:  # noqa: A002 - what it is
    """The subject of a document in the queue."""
    return f"statements.work.{id[0]}.{id}"


def by_of(message: Message) -> str | None:
    """Who made the statement of a message."""
    quoted = message.headers.get(BY)
    return None if quoted is None else unquote(quoted, errors="surrogatepass")


def _with_by(headers: dict[str, str], by: str | None) -> dict[str, str]:
    return headers if by is None else {**headers, BY: quote(by, safe="", errors="surrogatepass")}


class Work:
    """The service's queue, results and events. All methods raise NoBroker; those that store raise TooLarge, too.

    `deadline` is that of all requests which a method needs, or several methods; without it, each has its own.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.is_prepared = False

    def prepare(self, deadline: float | None = None) -> None:
        """Make the streams that are missing. Raises NoBroker, too, for a stream with another configuration."""
        for stream in STREAMS:
            ask(self.client, f"STREAM.CREATE.{stream['name']}", stream, deadline)
        self.is_prepared = True

    def submit(self, document: bytes, by: str | None, deadline: float | None = None) -> str:
        """Put a document on the queue. Returns its id once the broker has it."""
        id = new_id(document)  # noqa: A001 - what it is
        self._publish(queued(id), document, _with_by({ID: id}, by), deadline)
        return id

    def announce(self, id: str, by: str | None, deadline: float | None = None) -> None:  # noqa: A002
        """Publish the event of a statement, once for each id within the stream's duplicate window of two minutes."""
        self._publish(MADE, json.dumps({"id": id, "by": by}).encode(), {ID: id}, deadline)

    def keep(self, id: str, outcome: Outcome) -> None:  # noqa: A002
        """Store the outcome of a document, in place of an earlier one."""
        self._publish(f"$KV.statements.{id}", outcome.body, _with_by({STATUS: outcome.status}, outcome.by), None)

    def outcome(self, id: str, deadline: float | None = None) -> Outcome | None:  # noqa: A002
        """The stored outcome of a document; None without one."""
        message = self._newest(RESULTS, f"$KV.statements.{id}", deadline)
        return message and Outcome(message.headers[STATUS], message.payload, by_of(message))

    def pending(self, id: str, deadline: float | None = None) -> Message | None:  # noqa: A002
        """The document in the queue; None if it is not there, or no longer."""
        return self._newest(QUEUE, queued(id), deadline)

    def _publish(self, subject: str, payload: bytes, headers: dict[str, str], deadline: float | None) -> None:
        self._made(lambda until: publish(self.client, subject, payload, headers, until), deadline)

    def _newest(self, stream: str, subject: str, deadline: float | None) -> Message | None:
        return self._made(lambda until: newest(self.client, stream, subject, until), deadline)

    def _made(self, operation: Callable[[float], Returned], deadline: float | None) -> Returned:
        """Run an operation; check the streams before the first one, and make them anew if the broker has lost them."""
        until = within(LIMIT_SECONDS) if deadline is None else deadline
        if not self.is_prepared:
            self.prepare(until)
        try:
            return operation(until)
        except NoStream:
            self.prepare(until)
            return operation(until)

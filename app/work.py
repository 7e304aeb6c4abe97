"""What the service keeps at its broker: a queue of documents, and for an hour their results and the events.

The queue has partitions. A batch is always in the same one, and each gives out its next document once the last one is
done. So any number of consumers compute the documents of a batch one at a time.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from zlib import crc32

from app.jetstream import ID, SECOND, NoStream, ask, newest, publish
from app.nats import Dialogue, Message, Returned
from app.tracing import passed_on

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
    """The service's queue, results and events.

    All dialogues raise NoBroker; those that store raise TooLarge, too. A client runs them.
    """

    def __init__(self) -> None:
        self.is_prepared = False

    def prepare(self) -> Dialogue[None]:
        """Make the streams that are missing. Raises NoBroker, too, for a stream with another configuration."""
        for stream in STREAMS:
            yield from ask(f"STREAM.CREATE.{stream['name']}", stream)
        self.is_prepared = True

    def submit(self, document: bytes, by: str | None) -> Dialogue[str]:
        """Put a document on the queue. Returns its id once the broker has it."""
        id = new_id(document)  # noqa: A001 - what it is
        yield from self._made(lambda: publish(queued(id), document, _with_by({ID: id, **passed_on()}, by)))
        return id

    def announce(self, id: str, by: str | None) -> Dialogue[None]:  # noqa: A002
        """Publish the event of a statement, once for each id within the stream's duplicate window of two minutes."""
        return self._made(lambda: publish(MADE, json.dumps({"id": id, "by": by}).encode(), {ID: id, **passed_on()}))

    def keep(self, id: str, outcome: Outcome) -> Dialogue[None]:  # noqa: A002
        """Store the outcome of a document, in place of an earlier one."""
        headers = _with_by({STATUS: outcome.status}, outcome.by)
        return self._made(lambda: publish(f"$KV.statements.{id}", outcome.body, headers))

    def outcome(self, id: str) -> Dialogue[Outcome | None]:  # noqa: A002
        """The stored outcome of a document; None without one. What others have stored there is none."""
        message = yield from self._made(lambda: newest(RESULTS, f"$KV.statements.{id}"))
        if message is None or STATUS not in message.headers:
            return None
        return Outcome(message.headers[STATUS], message.payload, by_of(message))

    def pending(self, id: str) -> Dialogue[Message | None]:  # noqa: A002
        """The document in the queue; None if it is not there, or no longer."""
        return self._made(lambda: newest(QUEUE, queued(id)))

    def _made(self, operation: Callable[[], Dialogue[Returned]]) -> Dialogue[Returned]:
        """Check the streams before the first operation, and make them anew if the broker has lost them."""
        if not self.is_prepared:
            yield from self.prepare()
        try:
            return (yield from operation())
        except NoStream:
            yield from self.prepare()
            return (yield from operation())

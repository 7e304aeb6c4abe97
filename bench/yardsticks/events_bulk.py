"""The yardstick beside the layer `events`: an answer does not wait until the broker has acknowledged its event.

Servers serve it in place of `app.entry` (`bench/tunings/events-bulk.toml`). Every `BULK`th event waits for all
acknowledgements, which bounds how many are under way. If the worker or the broker dies before, those events may be
lost although their statements were answered with 200. Nothing is sent again: a client can no longer be told. On a loop
it blocks, too, for as long as that wait takes.
"""

import json
import os
from threading import Lock
from typing import Any

from app import events, layers
from app.deadline import within
from app.deferred import Events
from app.entry import application as service
from app.jetstream import ID
from app.nats import LIMIT_SECONDS, Dialogue, NoBroker, published
from app.nats_blocking import Client, Connection
from app.work import MADE, Work

BULK = 64
ACKNOWLEDGED = "2"  # the subscription to acknowledgements


class BulkWork(Work):
    """Events are sent over a connection of their own; all threads share it in turn."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.lock = Lock()
        self.connection: Connection | None = None
        self.inbox = ""
        self.under_way = 0

    def announce(self, id: str, by: str | None) -> Dialogue[None]:  # noqa: A002
        """Send an event. Raises NoBroker if it cannot be sent, or if an earlier one is not acknowledged."""
        yield from ()  # it asks nothing of the layer's client
        event, deadline = json.dumps({"id": id, "by": by}).encode(), within(LIMIT_SECONDS)
        with self.lock:
            try:
                connection = self._connected(deadline)
                connection.send(published(MADE, event, f"{self.inbox}.1", {ID: id}), deadline)
                self.under_way += 1
                if self.under_way == BULK:
                    self._await_all(connection, deadline)
            except OSError as error:
                self._close()
                raise NoBroker(f"the broker does not answer ({type(error).__name__})") from error

    def _connected(self, deadline: float) -> Connection:
        """The connection of this process; a forked worker needs its own."""
        if self.connection is None or self.connection.process != os.getpid():
            self.client.run(self.prepare())
            self.client.close()
            self.connection = Connection(self.client.address, deadline)
            self.inbox, self.under_way = f"_INBOX.{os.urandom(12).hex()}", 0
            self.connection.subscribe(f"{self.inbox}.*", ACKNOWLEDGED, deadline)
        return self.connection

    def _await_all(self, connection: Connection, deadline: float) -> None:
        while self.under_way:
            message = connection.receive(deadline)
            self.under_way -= 1
            if message.status or "seq" not in json.loads(message.payload):
                raise NoBroker("an event was not stored, and its statement is answered")

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def around(application: Any) -> Any:
    """The application with the layers of `STATEMENTS_LAYERS=events`, and with events sent in bulk."""
    interface = layers.interface_of(os.environ["STATEMENTS_FRAMEWORK"])
    broker = os.environ["STATEMENTS_BROKER"]
    bulk = Events(BulkWork(Client(broker)), broker)
    return layers.around(getattr(events, interface)(application, bulk), interface, [layers.CONTEXT])


application = around(service)

"""Takes documents from the queue, computes their statements with the core of this artifact, and stores the results.

    STATEMENTS_BROKER=nats://127.0.0.1:4222 python -m app.consumer

It asks for a document once the last one is done. It acknowledges a document after its result is stored. If it dies
before, the broker gives the document out again, and the result overwrites the first one. SIGTERM ends it after the
document that it computes.
"""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from typing import Any

from app.about import built_core
from app.deadline import within
from app.http import Problem, answer
from app.jetstream import BACK, DONE, SECOND, ask, deliveries
from app.nats import Message, NoBroker, TooLarge
from app.nats_blocking import Client, Connection
from app.pulling import SILENCE_SECONDS, Puller
from app.sparing import Sparing
from app.tracing import TRACE, taken
from app.work import MADE_STATUS, PARTITIONS, QUEUE, Outcome, Work, by_of

REDELIVERY_SECONDS = 5.0  # without an acknowledgement, the broker gives a document out again
MAX_DELIVERIES = 5  # a document that ends its consumer so often gets the status 500
PAUSE_SECONDS = 0.2

LOG = logging.getLogger(__name__)
LOG.addFilter(Sparing())


def consumer_of(partition: int) -> dict[str, Any]:
    """The request that makes a partition's consumer at the broker; all processes share it."""
    name = f"partition-{partition}"
    config = {
        "name": name,
        "durable_name": name,
        "filter_subject": f"statements.work.{partition}.*",
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(REDELIVERY_SECONDS * SECOND),
        "max_ack_pending": 1,  # so that documents of one batch are computed one at a time
    }
    return {"stream_name": QUEUE, "config": config}


def computed(transform: Callable[[bytes], bytes], message: Message) -> Outcome:
    """The outcome of a document, as a synchronous request would get it."""
    try:
        if deliveries(message) > MAX_DELIVERIES:
            raise Problem("500 Internal Server Error", f"{MAX_DELIVERIES} attempts to compute it have failed")
        return Outcome(MADE_STATUS, answer(transform, message.payload), by_of(message))
    except Problem as problem:
        return Outcome(problem.status, problem.body(), by_of(message))
    except Exception:  # noqa: BLE001 - a bug of the core is an outcome; the queue goes on
        traceback.print_exc()
        failed = Problem("500 Internal Server Error", "computing it has failed")
        return Outcome(failed.status, failed.body(), by_of(message))


class Consumer:
    """A process that computes documents, one at a time."""

    def __init__(self, url: str, transform: Callable[[bytes], bytes]) -> None:
        self.client = Client(url)
        self.work = Work()
        self.transform = transform
        self.partitions = range(PARTITIONS)
        self.is_stopping = False

    def stop(self, *_signal: object) -> None:
        """End `run` after the document that is being computed."""
        self.is_stopping = True

    def run(self) -> None:
        """Compute documents until `stop`; connect anew after the broker was away."""
        while not self.is_stopping:
            self._try_to_consume()

    def _try_to_consume(self) -> None:
        try:
            self._consume()
        except (OSError, NoBroker) as error:
            LOG.warning("the broker: %s: %s", type(error).__name__, error)
            time.sleep(PAUSE_SECONDS)

    def _consume(self) -> None:
        """Compute documents over one connection. Raises OSError or NoBroker when it breaks."""
        self.client.run(self.work.prepare())
        for partition in self.partitions:
            request = consumer_of(partition)
            self.client.run(ask(f"CONSUMER.CREATE.{QUEUE}.{request['config']['name']}", request))
        with closing(Connection(self.client.address, within(SILENCE_SECONDS))) as connection:
            puller = Puller(connection, self.partitions)
            while not self.is_stopping:
                self._take(puller)
            puller.end()

    def _take(self, puller: Puller) -> None:
        """Compute the next document, if there is one."""
        if (message := puller.next()) is not None:
            headers = message.headers
            TRACE.set(taken(headers.get("traceparent", ""), headers.get("tracestate", "")))  # that of its request
            puller.answer(message, DONE if self.is_stored(message, puller) else BACK)

    def is_stored(self, message: Message, puller: Puller) -> bool:
        """Compute a document, store its outcome and publish its event; hold it while the broker does not store.

        Returns False after `stop` if the broker does not.
        """
        id, outcome = message.subject.rpartition(".")[2], computed(self.transform, message)  # noqa: A001 - what it is
        while not self._is_stored(id, outcome):
            if self.is_stopping:
                return False
            puller.hold(message, PAUSE_SECONDS)
        return True

    def _is_stored(self, id: str, outcome: Outcome) -> bool:  # noqa: A002
        try:
            self._store(id, outcome)
            if outcome.status == MADE_STATUS:
                self.client.run(self.work.announce(id, outcome.by))
        except NoBroker as error:
            LOG.warning("statements/%s is not stored: %s", id, error)
            return False
        return True

    def _store(self, id: str, outcome: Outcome) -> None:  # noqa: A002
        try:
            self.client.run(self.work.keep(id, outcome))
        except TooLarge as error:
            detail = f"the answer has {len(outcome.body)} bytes, and the broker takes {error.limit}"
            problem = Problem("413 Content Too Large", detail)
            self.client.run(self.work.keep(id, Outcome(problem.status, problem.body(), outcome.by)))


def main() -> None:
    """Compute documents until SIGTERM or SIGINT."""
    url = os.environ.get("STATEMENTS_BROKER")
    if not url:
        sys.exit("consumer: STATEMENTS_BROKER is not set, such as to nats://127.0.0.1:4222")
    try:
        consumer = Consumer(url, built_core().transform)
    except ValueError as error:
        sys.exit(f"consumer: STATEMENTS_BROKER: {error}")
    logging.basicConfig(format="consumer: %(message)s")
    signal.signal(signal.SIGTERM, consumer.stop)
    signal.signal(signal.SIGINT, consumer.stop)
    consumer.run()


if __name__ == "__main__":
    main()

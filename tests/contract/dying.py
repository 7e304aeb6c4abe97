"""A consumer that kills itself at one step of a document: `python dying.py STEP PARTITION`.

It takes documents of one partition alone, so that it keeps none of the others from being given out.

computed   computed, but not stored
stored     its result is stored, but there is no event
announced  there is an event, but the document is not acknowledged

Two steps are those of controls, which lose or double something:

acknowledged  acknowledged, but not computed
unnamed       as announced, with an event that has no id for the broker
"""

import json
import os
import signal
import sys
from typing import Any

from app.about import built_core
from app.consumer import Consumer
from app.deadline import within
from app.jetstream import DONE, publish
from app.nats import LIMIT_SECONDS, Dialogue, Message, Request
from app.pulling import Puller
from app.work import MADE, Outcome, Work

STEPS = ("computed", "stored", "announced")
LOSES, DOUBLES = "acknowledged", "unnamed"


class Unnamed(Work):
    """Work whose events have no `Nats-Msg-Id`."""

    def announce(self, id: str, by: str | None) -> Dialogue[None]:  # noqa: A002
        return publish(MADE, json.dumps({"id": id, "by": by}).encode(), {})


class Dying(Consumer):
    """Kills itself at a step of the first document of a partition."""

    def __init__(self, url: str, transform: Any, step: str, partition: int) -> None:
        super().__init__(url, transform)
        self.step = step
        self.partitions = range(partition, partition + 1)
        if step == DOUBLES:
            self.work = Unnamed()

    def die_at(self, *steps: str) -> None:
        if self.step in steps:
            os.kill(os.getpid(), signal.SIGKILL)

    def is_stored(self, message: Message, puller: Puller) -> bool:
        if self.step == LOSES:
            self.client.request(Request(message.reply, DONE), within(LIMIT_SECONDS))  # the broker confirms it
        self.die_at(LOSES)
        is_stored = super().is_stored(message, puller)
        self.die_at("announced", DOUBLES)
        return is_stored

    def _store(self, id: str, outcome: Outcome) -> None:  # noqa: A002
        self.die_at("computed")
        super()._store(id, outcome)
        self.die_at("stored")


if __name__ == "__main__":
    Dying(os.environ["STATEMENTS_BROKER"], built_core().transform, sys.argv[1], int(sys.argv[2])).run()

"""Consumers that are killed at each step of a document: after another takes over, it has one result and one event.

Controls lose a document that is acknowledged too early, and double an event that has no id for the broker.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from app.core import transform
from app.nats_blocking import Client
from app.work import Work, new_id
from tests.contract import dying
from tests.contract.broker import Broker, broker, worker
from tests.contract.conftest import missing
from tests.contract.deferring import EVERY, Prepared, document
from tests.contract.dying import DOUBLES, LOSES, STEPS

PATIENCE_SECONDS = 30.0


class Killed(NamedTuple):
    """What the broker keeps after the consumers were killed, and the document of each step with its id."""

    broker: Broker
    client: Client
    ids: dict[str, str]
    documents: dict[str, bytes]


def of_each_partition() -> list[bytes]:
    """A document of each partition of which there is one."""
    return list({partition_of(each): each for each in map(document, range(8))}.values())


def partition_of(sent: bytes) -> str:
    return new_id(sent)[0]


@pytest.fixture(scope="module", params=EVERY[:1], ids=str)
def killed(
    request: pytest.FixtureRequest, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Killed]:
    """A variant's consumer killed at each step of a document, all at once, and another that takes over."""
    variant = request.param.variant
    if variant not in prepared[0]:
        missing(prepared[1], variant)
    folder = tmp_path_factory.mktemp("killed")
    with broker(folder / "broker") as behind, ExitStack() as stop:
        client = Client(behind.url)
        documents = dict(zip((*STEPS, LOSES, DOUBLES), of_each_partition(), strict=False))
        ids = {step: client.run(Work().submit(each, None)) for step, each in documents.items()}
        consumers = [
            stop.enter_context(worker(variant, behind.url, folder, (dying.__file__, step, id_[0])))
            for step, id_ in ids.items()
        ]
        assert {each.wait() for each in consumers} == {-signal.SIGKILL}
        stop.enter_context(worker(variant, behind.url, folder))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while behind.counts()[0] and time.monotonic() < deadline:
            time.sleep(0.1)
        yield Killed(behind, client, ids, documents)
        client.close()


@pytest.mark.parametrize("step", STEPS)
def test_a_document_has_one_result_and_one_event(killed: Killed, step: str) -> None:
    id_ = killed.ids[step]
    outcome = killed.client.run(Work().outcome(id_))
    assert outcome is not None
    assert outcome.body == transform(killed.documents[step])
    assert (killed.broker.results()[id_], killed.broker.events()[id_]) == (1, 1)


def test_control_a_document_that_is_acknowledged_too_early_is_lost(killed: Killed) -> None:
    id_ = killed.ids[LOSES]
    found = [killed.client.run(step(id_)) for step in (Work().outcome, Work().pending)]
    assert found == [None, None]


def test_control_an_event_without_an_id_for_the_broker_is_doubled(killed: Killed) -> None:
    id_ = killed.ids[DOUBLES]
    assert (killed.broker.results()[id_], killed.broker.events()[id_]) == (1, 2)

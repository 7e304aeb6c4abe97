"""Publishers and actors beside the service's own: each works with a real broker, and what a SIGKILL leaves of it."""

from pathlib import Path

import pytest

from bench.errors import MissingError
from bench.serve import backend
from tests import messaging, tools
from tests.absent import absent
from tests.declared import CATALOG

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True, scope="module")
def brokers() -> None:
    """Brokers and packages are here; otherwise the tests are skipped, and in CI they fail."""
    try:
        for name in ("nats", "nats-fsync", "redis"):
            backend.require(CATALOG.backends[name])
        tools.python("messaging")
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.mark.parametrize("name", messaging.ON_DISK)
def test_every_publisher_has_its_events_stored(name: str, tmp_path: Path) -> None:
    """The script itself compares what it sent with what the broker has stored."""
    found = messaging.publishers(name, tmp_path, "64")
    assert len({(row["publisher"], row["at_once"]) for row in found}) == 12
    assert all(row["wall"] > 0 and row["cpu"] > 0 for row in found)


@pytest.mark.parametrize("system", messaging.BROKERS)
def test_every_system_of_actors_does_its_messages(system: str, tmp_path: Path) -> None:
    assert messaging.cost(system, tmp_path, "40")["system"] == system


def test_the_queue_loses_nothing_when_all_consumers_are_killed_and_keeps_a_batch_in_turn(tmp_path: Path) -> None:
    found = messaging.killed("queue", tmp_path)
    assert (found.lost, found.overlapping) == (0, 0)


def test_dramatiq_with_redis_loses_nothing_and_does_not_keep_a_batch_in_turn(tmp_path: Path) -> None:
    found = messaging.killed("dramatiq-redis", tmp_path)
    assert found.lost == 0
    assert found.overlapping > 0


def test_pykka_keeps_a_batch_in_turn_and_loses_what_waits_in_its_process(tmp_path: Path) -> None:
    found = messaging.killed("pykka", tmp_path)
    assert found.lost > 0
    assert found.overlapping == 0


def test_dramatiq_without_a_broker_loses_what_waits_in_its_process(tmp_path: Path) -> None:
    assert messaging.killed("dramatiq-stub", tmp_path).lost > 0

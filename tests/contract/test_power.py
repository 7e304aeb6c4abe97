"""What the broker has on disk when it acknowledges: by the number of flushes that the disk has completed.

A power loss loses what was acknowledged and not flushed. No test cuts the power.
"""

import os
from pathlib import Path

import pytest

from app.nats_blocking import Client
from app.work import Work, new_id
from bench.errors import MissingError
from bench.serve import backend
from tests.absent import absent
from tests.declared import CATALOG

pytestmark = pytest.mark.long

EVENTS = 200
FLUSHES = 15  # the position in a disk's statistics (Documentation/block/stat.rst of Linux)


def disk() -> Path:
    """The statistics of the disk below /tmp, where the lab's backends keep their files."""
    device = Path("/tmp").stat().st_dev
    found = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    whole = found.parent if (found / "partition").exists() else found
    if not (whole / "stat").exists() or len((whole / "stat").read_text().split()) <= FLUSHES:
        pytest.skip("/tmp is on no disk that counts its flushes")
    return whole / "stat"


def flushes(name: str, folder: Path) -> int:
    """How many flushes the disk completes while a broker acknowledges events."""
    statistics = disk()
    with backend.run_backend(CATALOG.backends[name], folder / "log") as running:
        client, work = Client(running.dsn), Work()
        client.run(work.announce(new_id(), None))  # makes the streams
        before = int(statistics.read_text().split()[FLUSHES])
        for _ in range(EVENTS):
            client.run(work.announce(new_id(), None))
        return int(statistics.read_text().split()[FLUSHES]) - before


@pytest.fixture(autouse=True)
def brokers() -> None:
    try:
        backend.require(CATALOG.backends["nats"])
    except MissingError as error:
        absent(str(error), error.remedy)


def test_by_default_the_broker_acknowledges_before_the_disk_has_an_event(tmp_path: Path) -> None:
    """Other programs may flush the disk meanwhile, but not once for each event."""
    assert flushes("nats", tmp_path) < EVENTS // 2


def test_with_sync_interval_always_the_disk_has_each_event_first(tmp_path: Path) -> None:
    assert flushes("nats-fsync", tmp_path) >= EVENTS

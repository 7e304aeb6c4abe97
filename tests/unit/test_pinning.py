"""The cores of server and generator: one for the server unless its workers need more, and one left for the load."""

import os
from collections.abc import Iterator

import pytest

from bench.errors import LabError
from bench.host import pinning
from bench.host.pinning import Cores

CPUS = frozenset({2, 3, 5, 7})


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of four cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: CPUS)
    monkeypatch.setattr(pinning._served, "count", 1)
    for known in (pinning._allowed, pinning._assigned):
        known.cache_clear()
    yield
    for known in (pinning._allowed, pinning._assigned):
        known.cache_clear()


@pytest.mark.usefixtures("four")
def test_each_worker_has_a_core_and_the_load_has_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pinning.cores() == Cores(frozenset({7}), frozenset({2, 3, 5}))
    pinning.serve_on(3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2})  # the lab has left the server's cores
    assert pinning.cores() == Cores(frozenset({3, 5, 7}), frozenset({2}))
    pinning.serve_on(1)
    assert pinning.cores() == Cores(frozenset({7}), frozenset({2, 3, 5}))


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("count", "told"),
    [
        (
            4,
            "this machine has 3 cores for a server's workers beside the generator's: use --workers 3, or",
        ),
        (0, "use 1 or more"),
    ],
)
def test_workers_without_cores_are_refused(count: int, told: str) -> None:
    with pytest.raises(LabError, match=f"^--workers {count}: {told}"):
        pinning.serve_on(count)
    assert len(pinning.cores().server) == 1

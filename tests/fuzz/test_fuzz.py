"""A short run of the fuzzing: it works, most of what it makes is worth making, and nothing is found."""

from pathlib import Path

import pytest

from bench.errors import MissingError
from tests.absent import absent
from tests.fuzz import LEAST_ANSWERED
from tests.fuzz import __main__ as fuzzing
from tests.fuzz.__main__ import Interrupted, Worker, counted, fuzz
from tests.fuzz.build import build

EXECUTIONS = 60_000


@pytest.fixture
def host() -> None:
    """The host is compiled; where that cannot be, the test is left out."""
    try:
        build()
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.mark.slow
def test_a_short_run_finds_nothing(host: None, tmp_path: Path) -> None:
    counts, found = fuzz(EXECUTIONS, 1, tmp_path / "run", tmp_path / "found")
    assert found == []
    assert counts["executions"] >= EXECUTIONS
    assert counts["answered"] >= LEAST_ANSWERED * counts["executions"]
    assert counts["compared"] > 0


@pytest.mark.slow
def test_interrupted_it_ends_its_processes_and_keeps_their_counts(
    host: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[Worker] = []

    def interrupt(worker: Worker, seen: object) -> None:
        begun.append(worker)
        if counted(tmp_path / "run"):
            raise KeyboardInterrupt

    monkeypatch.setattr(fuzzing, "end_if_it_hangs", interrupt)
    with pytest.raises(Interrupted) as interrupted:
        fuzz(100_000_000, 1, tmp_path / "run", tmp_path / "found")
    assert interrupted.value.found == []
    assert all(worker.process.poll() is not None for worker in begun)
    assert counted(tmp_path / "run")["executions"] > 0

"""A short fuzzing run: it works, enough documents are answered, and there are no findings."""

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
    """Compiles the host. Skips the test without clang."""
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
def test_an_interrupted_run_ends_its_processes_and_keeps_their_counts(
    host: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Worker] = []

    def interrupt(worker: Worker, seen: object) -> None:
        started.append(worker)
        if counted(tmp_path / "run"):
            raise KeyboardInterrupt

    monkeypatch.setattr(fuzzing, "end_if_it_hangs", interrupt)
    with pytest.raises(Interrupted) as interrupted:
        fuzz(100_000_000, 1, tmp_path / "run", tmp_path / "found")
    assert interrupted.value.found == []
    assert all(worker.process.poll() is not None for worker in started)
    assert counted(tmp_path / "run")["executions"] > 0

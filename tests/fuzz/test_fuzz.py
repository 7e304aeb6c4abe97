"""A short run of the fuzzing: it works, most of what it makes is worth making, and nothing is found."""

from pathlib import Path

import pytest

from bench.errors import MissingError
from tests.absent import absent
from tests.fuzz import LEAST_ANSWERED
from tests.fuzz.__main__ import fuzz
from tests.fuzz.build import build

EXECUTIONS = 60_000


@pytest.mark.slow
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    try:
        build()
    except MissingError as error:
        absent(str(error), error.fill)
    counts, found = fuzz(EXECUTIONS, 1, tmp_path / "run", tmp_path / "found")
    assert found == []
    assert counts["executions"] >= EXECUTIONS
    assert counts["answered"] >= LEAST_ANSWERED * counts["executions"]
    assert counts["compared"] > 0

"""A study of validators from the command line: each is built, verified, timed beside a core, and told."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.model import MicroPlan, Run
from bench.paths import ROOT
from tests.declared import CATALOG
from tests.e2e.tiny import TINY, command

pytestmark = [pytest.mark.slow, pytest.mark.long]
VALIDATORS = tuple(name for name, each in CATALOG.yardsticks.items() if each.is_validator)
STUDY = msgspec.structs.replace(
    TINY, servers=(), variants=("cpython", *VALIDATORS), micro=MicroPlan(processes=2, values=1)
)


def test_a_study_of_validators_ends_with_a_row_for_each(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command(STUDY, tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [path for path in tmp_path.glob("tiny/*/micro-*/*.json") if path.stem.isalnum()]
    runs = [msgspec.json.decode(path.read_bytes(), type=Run) for path in records]
    assert len(runs) == 2 * len(STUDY.variants)
    assert {run.verdict for run in runs} == {"pass"}, {run.reason for run in runs}
    assert all(run.facts["lines"] > 0 for run in runs if run.case.variant in VALIDATORS)
    assert "malformed accepted" in done.stdout
    assert all(CATALOG.variant(name).title in done.stdout for name in STUDY.variants)

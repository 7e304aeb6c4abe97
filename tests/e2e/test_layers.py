"""A study of layers from the command line: every request through a real layer, timed and told, with real tokens."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.model import LayersPlan, Run
from bench.paths import ROOT
from tests.declared import CATALOG
from tests.e2e.tiny import TINY, command

pytestmark = [pytest.mark.slow, pytest.mark.long]
NAMED = ("none", "identity", "identity-each", "identity-some", "falcon-auth2", "flask-jwt-extended")
STUDY = msgspec.structs.replace(
    TINY,
    servers=(),
    frameworks=("falcon", "flask-restful", "falcon-asgi"),
    workloads=("hello",),
    layers=LayersPlan(named=NAMED, processes=2, values=1, requests=200),
)


def test_a_study_of_layers_ends_with_a_figure_for_each(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command(STUDY, tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [path for path in tmp_path.glob("tiny/*/layers-*/*.json") if path.stem.isalnum()]
    runs = [msgspec.json.decode(path.read_bytes(), type=Run) for path in records]
    cases = sum(CATALOG.layerings[name].is_for(framework) for name in NAMED for framework in STUDY.frameworks)
    assert len(runs) == 2 * len(STUDY.workloads) * cases
    assert {run.verdict for run in runs} == {"pass"}, {run.reason for run in runs}
    assert all(run.values("time") and run.facts["variant"] == "cpython" for run in runs)
    assert (tmp_path / "tiny").is_dir()
    assert "falcon/flask-jwt-extended" not in done.stdout
    assert "flask-restful/flask-jwt-extended" in done.stdout

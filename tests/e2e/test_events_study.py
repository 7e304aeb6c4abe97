"""A study of servers with a broker from the command line: each statement an event, in each of the ways to publish."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.model import LatencyPlan, MacroPlan, Run
from bench.paths import ROOT
from tests.e2e.tiny import TINY, command

pytestmark = [pytest.mark.slow, pytest.mark.long]
TUNINGS = {"events": "nats", "events-fsync": "nats-fsync", "events-bulk": "nats"}
SERVERS = {"gunicorn-gthread": "falcon", "uvicorn-httptools": "falcon-asgi", "granian-rsgi": "bare-rsgi"}
STACKS = {f"{server}+{tuning}": framework for server, framework in SERVERS.items() for tuning in TUNINGS}
STUDY = msgspec.structs.replace(
    TINY,
    baseline="cython",
    variants=("cython",),
    servers=("gunicorn-gthread", *STACKS),
    frameworks_of={name: (framework,) for name, framework in STACKS.items()},
    macro=MacroPlan(loads=("glance",), runs=1),
    latency=LatencyPlan(load="steady", runs=1, shares=(0.5,), rate=100.0),
)


def test_a_study_of_events_has_the_cpu_of_server_and_broker_apart(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command(STUDY, tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [path for path in tmp_path.glob("tiny/*/macro-*/*.json") if path.stem.isalnum()]
    runs = {run.case.stack: run for path in records if (run := msgspec.json.decode(path.read_bytes(), type=Run))}
    assert {run.verdict for run in runs.values()} == {"pass"}, {run.reason for run in runs.values()}
    behind = {str(stack.server): run.facts.get("backend") for stack, run in runs.items()}
    assert behind.keys() == {"gunicorn-gthread", *STACKS}
    assert behind.pop("gunicorn-gthread") is None
    assert {fact.partition(":")[0] for fact in behind.values()} == {"nats-server"}
    for stack, run in runs.items():
        assert bool(run.values("backend_cpu")) == (stack.server in STACKS)
        assert run.values("cpu")
    waited = [path for path in tmp_path.glob("tiny/*/latency-*/*.json") if path.stem.isalnum()]
    assert waited

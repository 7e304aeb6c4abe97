"""Stacks within limits on their CPU time, for real: what the instrument tells, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bench.errors import MissingError
from bench.host import limits
from bench.measure.instruments import limited, pacer, sizing
from bench.model import LimitedCase, Observed, Segment, SizingCase, Stack, Unavailable
from bench.readiness import building
from tests.absent import absent
from tests.contract.conftest import missing
from tests.declared import CATALOG
from tests.unit.test_limits import left_by, mounts

pytestmark = pytest.mark.slow

STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")
SHORT = {
    "bursts": replace(
        CATALOG.loads["bursts"], lead_in_seconds=0.2, segments=(Segment(seconds=1.0, start=1.0, end=1.0),)
    ),
    "busy": replace(CATALOG.loads["busy"], seconds=0.5),
}
BRIEF = replace(CATALOG, loads=CATALOG.loads | SHORT)
OPEN = LimitedCase(stack=STACK, workload="orders-250", load="bursts", rate=50.0, limit="cpu-0-5-short", workers=2)
CLOSED = LimitedCase(
    stack=STACK, workload="orders-250", load="busy", limit="cloud-foundry-256", beside="cloud-foundry-1024", windows=2
)
LONG = """
import sys
from pathlib import Path
from msgspec.structs import replace
from bench.measure.instruments import limited
from tests.contract.test_limited import BRIEF, CLOSED
print(flush=True)
limited.observe(BRIEF, replace(CLOSED, windows=200), Path(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def able(prepared: tuple[building.Built, list[Unavailable]]) -> None:
    if STACK.variant not in prepared[0]:
        missing(prepared[1], STACK.variant)
    try:
        limits.require()
        pacer.provision()
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    before = left_by(os.getpid()), mounts()
    yield
    assert (left_by(os.getpid()), mounts()) == before


def output(folder: Path) -> Path:
    path = folder / "limited-0" / "case"
    path.parent.mkdir()
    return path


def values(found: Observed) -> dict[str, float]:
    return {each.metric: each.values[0] for each in found.measurements}


@pytest.mark.parametrize("stack", [STACK], ids=str)
@pytest.mark.parametrize("beside", [None, "heroku-2x"])
def test_an_open_load_tells_latencies_and_throttling(stack: Stack, beside: str | None, tmp_path: Path) -> None:
    found = values(limited.observe(BRIEF, replace(OPEN, beside=beside), output(tmp_path)))
    assert found["latency.p50"] > 0
    assert found["cpu"] > 0
    assert 0 <= found["throttled"] <= found["periods"]
    assert found["periods"] > 0
    assert found["failed"] == 0


@pytest.mark.parametrize("stack", [STACK], ids=str)
def test_two_busy_servers_share_a_core(stack: Stack, tmp_path: Path) -> None:
    found = limited.observe(BRIEF, CLOSED, output(tmp_path))
    assert len(found.values("share")) == len(found.values("used")) == 2
    assert all(0 < share < 0.5 for share in found.values("share"))
    assert 0 < values(found)["rate"] < values(found)["beside.rate"]


@pytest.mark.parametrize("stack", [STACK], ids=str)
def test_an_interrupted_run_leaves_no_group_and_no_process(stack: Stack, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LONG, str(output(tmp_path))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.readline()
        lab, deadline = psutil.Process(process.pid), time.monotonic() + 30
        while len(started := lab.children(recursive=True)) < 6 and time.monotonic() < deadline:
            time.sleep(0.1)  # two servers with a worker each, and two load generators
        assert len(left_by(process.pid)) == 4
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert not left_by(process.pid)
    assert not psutil.wait_procs(started, 2)[1]


@pytest.mark.parametrize("stack", [STACK], ids=str)
def test_only_the_service_sees_its_quota(stack: Stack, tmp_path: Path) -> None:
    case = SizingCase(variant=stack.variant, limit="cpu-0-5")
    facts = sizing.observe(CATALOG, case, output(tmp_path)).facts
    assert facts["app.sizing"] == 1
    assert facts["os.cpu_count"] == os.cpu_count()
    assert json.dumps(facts)

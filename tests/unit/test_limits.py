"""Limits on CPU time: what the files declare, and control groups that are made, work and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import sizing
from bench.errors import MissingError
from bench.host import cgroup, limits
from bench.host.cgroup import Group, group
from bench.host.limits import limited
from bench.model import Limit
from tests.absent import absent
from tests.declared import CATALOG

HALF = Limit(name="half", title="", cpus=0.5, period_ms=10)
TENTH = Limit(name="tenth", title="", cpus=0.1, period_ms=10)  # used up also on a busy machine
BURN = "import time\nwhile time.process_time() < 0.05: pass"


def left_by(pid: int) -> set[Path]:
    """The groups that a lab's process has made and not removed."""
    folders = {parent.folder for name in ("cpu", "cpuacct") for parent in cgroup.parents(name)}
    return {made for folder in folders for made in folder.glob(f"bench-{pid}-*")}


def mounts() -> list[str]:
    """The mounts of control groups."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup" in line]


@pytest.fixture
def allowed() -> None:
    try:
        limits.require()
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.fixture
def unchanged() -> Iterator[None]:
    groups, mounted = left_by(os.getpid()), mounts()
    yield
    assert left_by(os.getpid()) == groups
    assert mounts() == mounted


@pytest.mark.parametrize("megabytes", [256, 1024])
def test_cloud_foundrys_formulas(megabytes: int) -> None:
    percent = 100 * min(max(megabytes, 128), 8192) // 8192
    assert CATALOG.limits[f"cloud-foundry-{megabytes}-percent"].shares == 1024 * percent // 100
    assert CATALOG.limits[f"cloud-foundry-{megabytes}"].shares == megabytes + 32


def test_each_limit_names_its_source() -> None:
    assert [limit.name for limit in CATALOG.limits.values() if not limit.source] == ["none"]


def test_a_burst_is_at_most_the_quota() -> None:
    with pytest.raises(ValueError, match=r"^burst_ms must be at most the quota, cpus × period_ms$"):
        Limit(name="x", title="", cpus=0.5, burst_ms=51)


@pytest.mark.usefixtures("allowed", "unchanged")
def test_a_process_runs_within_its_limit_and_its_cpu_time_is_counted() -> None:
    with group() as metered, limited(TENTH, metered) as within:
        assert metered
        argv = metered.argv_within(within.argv_within([sys.executable, "-S", "-c", BURN]))
        subprocess.run(argv, check=True)
        told = within.throttling()
        assert metered.meter.read() >= 0.05
        assert told.throttled > 0
        assert told.periods >= told.throttled
        assert told.seconds > 0
        assert told.since(told) == (0, 0, 0)


@pytest.mark.usefixtures("allowed", "unchanged")
@pytest.mark.parametrize(("cpus", "quota", "shares"), [(1.5, "150000", 288), (None, "-1", 2)])
def test_every_value_is_set(cpus: float | None, quota: str, shares: int) -> None:
    burst = 50 if cpus else 0
    with limited(Limit(name="x", title="", cpus=cpus, burst_ms=burst, shares=shares)) as within:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.shares")
        found = [(within.folder / name).read_text().strip() for name in names]
    assert found == [quota, "100000", str(1000 * burst), str(shares)]


@pytest.mark.usefixtures("allowed", "unchanged")
def test_a_service_is_sized_by_its_own_quota_and_by_that_of_an_ancestor() -> None:
    with limited(HALF) as within:
        (inner := within.folder / "inner").mkdir()
        ask = [sys.executable, "-c", "from app import sizing; print(sizing.workers(), *sizing.quotas())"]
        for folder in (within.folder, inner):
            done = subprocess.run(cgroup.joining(folder, ask), check=True, capture_output=True, text=True)
            workers, *quotas = done.stdout.split()
            assert workers == "1"
            assert quotas == [*map(str, sizing.quotas()), "0.5"] or quotas == ["0.5", *map(str, sizing.quotas())]
        inner.rmdir()


def test_one_hierarchy_may_count_and_limit(tmp_path: Path) -> None:
    for name in ("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"):
        (tmp_path / name).write_text("")
    with limited(HALF, Group(tmp_path, 1)) as within:
        assert within.folder == tmp_path
    assert (tmp_path / "cpu.cfs_quota_us").read_text() == "5000"
    assert tmp_path.exists(), "the group is its meter's, who removes it"


@pytest.mark.parametrize(
    ("own", "mount", "reason"),
    [
        (
            "0::/here",
            "32 2 0:4 / {} rw - cgroup2 cgroup2 rw",
            "cgroup version 1 with its CPU controller is not mounted",
        ),
        ("1:cpu:/here", "31 2 0:3 / {}/absent rw - cgroup cgroup rw,cpu", "{}/absent/here: No such file or directory"),
    ],
    ids=["version 2", "no right"],
)
def test_why_no_limit_can_be_set_is_told(tmp_path: Path, own: str, mount: str, reason: str) -> None:
    (tmp_path / "cgroup").write_text(f"{own}\n")
    (tmp_path / "mountinfo").write_text(mount.format(tmp_path) + "\n")
    with pytest.raises(MissingError) as caught, limited(HALF, proc=tmp_path):
        pass
    assert str(caught.value) == f"no CPU limits: {reason.format(tmp_path)}"


@pytest.mark.usefixtures("allowed", "unchanged")
def test_an_interrupted_lab_leaves_no_group_and_no_process() -> None:
    lab = """
import subprocess
from bench.host.cgroup import group
from bench.host.limits import limited
from bench.model import Limit
with group() as metered, limited(Limit(name="x", title="", cpus=0.5), metered) as within:
    started = subprocess.Popen(metered.argv_within(within.argv_within(["sleep", "60"])))
    try:
        print(started.pid, flush=True)
        started.wait()
    finally:
        started.kill()
        started.wait()
"""
    with subprocess.Popen([sys.executable, "-c", lab], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        deadline = time.monotonic() + 10
        while not (made := left_by(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert made
        process.send_signal(signal.SIGINT)
    assert not left_by(process.pid)
    assert not Path("/proc", str(child)).exists()

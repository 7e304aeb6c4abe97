"""CPU time: what ended threads and workers spent counts, by each source that is here; idleness by a fake clock."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.errors import LabError
from bench.host import cpu_time
from bench.host.cgroup import Group, group
from bench.host.cpu_time import Meter
from tests.absent import absent

pytestmark = pytest.mark.slow

# It spends 0.2 s each in itself, in a thread that ends and in a worker that ends, when it is told; then it stays.
SUBJECT = """
import subprocess, sys, threading, time
BURN = "import time\\nwhile time.process_time() < 0.2: pass"
def burn():
    ends = time.thread_time() + 0.2
    while time.thread_time() < ends: pass
print("here", flush=True); sys.stdin.readline()
thread = threading.Thread(target=burn); thread.start(); thread.join()
subprocess.run([sys.executable, "-S", "-c", BURN], check=True)
burn()
print("done", flush=True); sys.stdin.readline()
"""
SPENT = 0.6
TICK = cpu_time.RESOLUTION_SECONDS["ticks"]


@pytest.fixture(params=["cgroup", "process clocks", "ticks"])
def metered(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Meter, Callable[[], None]]]:
    """The subject's meter by each source, and what makes it spend and waits until it has."""
    with group() as own:
        if request.param == "cgroup" and own is None:
            absent("this user may make no control group", "run as root")
        if request.param == "ticks":
            monkeypatch.setattr(time, "clock_gettime", _refuse)
        argv = [sys.executable, "-c", SUBJECT]
        joined = own.joined(argv) if own and request.param == "cgroup" else argv
        process = subprocess.Popen(joined, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        meter = own.meter if own and request.param == "cgroup" else cpu_time.of_tree(psutil.Process(process.pid))

        def spend() -> None:
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"done\n"

        try:
            yield meter, spend
        finally:
            process.communicate(b"\n")


def _refuse(_: int) -> float:
    raise OSError("no such clock")


def test_what_ended_threads_and_workers_spent_counts(metered: tuple[Meter, Callable[[], None]]) -> None:
    meter, spend = metered
    before = cpu_time.idle_seconds(meter)
    spend()
    used = cpu_time.idle_seconds(meter) - before
    start_of_a_worker = 0.1
    coarse = 0.0 if meter.source in {"cpuacct.usage", "cpu.stat"} else 3 * TICK  # an ended worker counts by ticks
    assert SPENT * 0.99 - coarse <= used <= SPENT * 1.01 + start_of_a_worker + coarse


def test_each_source_says_how_fine_it_is(metered: tuple[Meter, Callable[[], None]]) -> None:
    meter, _ = metered
    assert meter.resolution_seconds == cpu_time.RESOLUTION_SECONDS[meter.source]


def test_a_group_is_gone_after_its_processes(tmp_path: Path) -> None:
    with group() as own:
        if own is None:
            absent("this user may make no control group", "run as root")
        subprocess.run(own.joined(["true"]), check=True)
        assert own.folder.is_dir()
    assert not own.folder.exists()


def test_what_outlives_its_server_is_told() -> None:
    entered = group()
    own = entered.__enter__()
    if own is None:
        absent("this user may make no control group", "run as root")
    with subprocess.Popen(own.joined(["sleep", "60"])) as process:
        while not (own.folder / "cgroup.procs").read_text().strip():
            time.sleep(0.01)
        with pytest.raises(LabError, match=rf"^the server ended; still running: process {process.pid}$"):
            entered.__exit__(None, None, None)
        process.kill()
    own.folder.rmdir()


def test_a_user_who_may_make_no_group_has_none(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("2:cpuacct:/here\n0::/there\n")
    mounts = "31 2 0:3 / {} rw - cgroup cgroup rw,cpuacct\n32 2 0:4 / {} rw - cgroup2 cgroup2 rw\n"
    (tmp_path / "mountinfo").write_text(mounts.format(tmp_path / "absent", tmp_path / "missing"))
    with group(tmp_path) as own:
        assert own is None


def test_both_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpuacct.usage").write_text("1234567890\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n")
    assert (Group(tmp_path, 1).meter.read(), Group(tmp_path, 2).meter.read()) == (1.23456789, 2.5)


# ---------------------------------------------------------------- idleness


class Clock:
    """Time passes by sleeping alone; the server spends in each look what a script says, then nothing."""

    def __init__(self, *looks: float) -> None:
        self.at, self.spent, self.looks = 0.0, 1.0, list(looks)

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.spent += self.looks.pop(0) if self.looks else 0.0

    def idle(self) -> float:
        return cpu_time.idle_seconds(Meter("cpuacct.usage", lambda: self.spent), self.sleep, lambda: self.at)


def test_idle_is_twice_in_a_row_under_a_hundredth_of_a_core() -> None:
    clock = Clock(0.025, 0.0004, 0.001, 0.0004, 0.0004, 0.09)
    assert clock.idle() == pytest.approx(1.0272)
    assert clock.at == pytest.approx(0.25), "and no longer is waited"


def test_a_server_that_works_on_is_told_with_what_it_still_spends() -> None:
    clock = Clock(*[0.01] * 160)
    with pytest.raises(LabError, match=r"^the server was not idle 5 s after its last answer: 20.0% of a core$"):
        clock.idle()
    assert clock.at < 5.3

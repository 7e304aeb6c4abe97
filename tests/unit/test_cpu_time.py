"""CPU time: each available source includes ended threads and workers; idleness is tested with a fake clock."""

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

# On a line of input it spends 0.2 s each in its main thread, in a thread and in a worker that end; then it waits.
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
    """The subject's meter for each source, and a function that makes it spend CPU time."""
    with group() as own:
        if request.param == "cgroup" and own is None:
            absent("this user may make no control group", "run as root")
        if request.param == "ticks":
            monkeypatch.setattr(time, "clock_gettime", _refuse)
        argv = [sys.executable, "-c", SUBJECT]
        argv = own.argv_within(argv) if own and request.param == "cgroup" else argv
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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


def test_the_cpu_time_of_ended_threads_and_workers_counts(metered: tuple[Meter, Callable[[], None]]) -> None:
    meter, spend = metered
    before = cpu_time.read_when_idle(meter)
    spend()
    used = cpu_time.read_when_idle(meter) - before
    start_of_a_worker = 0.1
    coarse = 0.0 if meter.source in {"cpuacct.usage", "cpu.stat"} else 3 * TICK  # an ended worker counts in ticks
    assert SPENT * 0.99 - coarse <= used <= SPENT * 1.01 + start_of_a_worker + coarse


def test_each_source_has_a_resolution(metered: tuple[Meter, Callable[[], None]]) -> None:
    meter, _ = metered
    assert meter.resolution_seconds == cpu_time.RESOLUTION_SECONDS[meter.source]


def test_a_group_is_removed_after_its_processes(tmp_path: Path) -> None:
    with group() as own:
        if own is None:
            absent("this user may make no control group", "run as root")
        subprocess.run(own.argv_within(["true"]), check=True)
        assert own.folder.is_dir()
    assert not own.folder.exists()


def test_processes_that_outlive_their_server_are_reported() -> None:
    entered = group()
    own = entered.__enter__()
    if own is None:
        absent("this user may make no control group", "run as root")
    with subprocess.Popen(own.argv_within(["sleep", "60"])) as process:
        while not (own.folder / "cgroup.procs").read_text().strip():
            time.sleep(0.01)
        with pytest.raises(LabError, match=rf"^the server left processes running: {process.pid}$"):
            entered.__exit__(None, None, None)
        process.kill()
    own.folder.rmdir()


def test_without_permission_there_is_no_group(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("2:cpuacct:/here\n0::/there\n")
    mounts = "31 2 0:3 / {} rw - cgroup cgroup rw,cpuacct\n32 2 0:4 / {} rw - cgroup2 cgroup2 rw\n"
    (tmp_path / "mountinfo").write_text(mounts.format(tmp_path / "absent", tmp_path / "missing"))
    with group(tmp_path) as own:
        assert own is None


def test_both_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpuacct.usage").write_text("1234567890\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n")
    assert (Group(tmp_path, 1).meter.read(), Group(tmp_path, 2).meter.read()) == (1.23456789, 2.5)


@pytest.mark.parametrize("handler", ["SIG_IGN", "SIG_DFL"])
def test_a_process_that_ignores_its_children_is_recognised(handler: str) -> None:
    code = f"import signal; signal.signal(signal.SIGCHLD, signal.{handler}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert cpu_time.ignores_children(psutil.Process(process.pid)) == (handler == "SIG_IGN")
        process.communicate(b"\n")


# ---------------------------------------------------------------- idleness


class Clock:
    """Time passes only by sleeping. The server spends `looks` in successive readings, then nothing."""

    def __init__(self, *looks: float) -> None:
        self.at, self.spent, self.looks = 0.0, 1.0, list(looks)

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.spent += self.looks.pop(0) if self.looks else 0.0

    def idle(self) -> float:
        return cpu_time.read_when_idle(Meter("cpuacct.usage", lambda: self.spent), self.sleep, lambda: self.at)


def test_idle_means_under_five_percent_of_a_core_twice_in_a_row() -> None:
    clock = Clock(0.05, 0.004, 0.006, 0.004, 0.004, 0.09)
    assert clock.idle() == pytest.approx(1.068)
    assert clock.at == pytest.approx(0.5), "it does not wait longer"


def test_ticks_of_an_event_loop_are_idle() -> None:
    assert Clock(*[0.0036] * 160).idle() == pytest.approx(1.0072)


def test_a_server_that_does_not_become_idle_is_reported_with_its_cpu_share() -> None:
    clock = Clock(*[0.02] * 160)
    with pytest.raises(LabError, match=r"^the server still used 20 % of a core 5 s after its last answer$"):
        clock.idle()
    assert clock.at < 5.3

"""Process trees: current and peak memory, and the arithmetic on samples of their CPU time."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from bench.errors import LabError
from bench.measure.instruments import peak
from bench.measure.instruments.file_pages import uncounted_bytes
from bench.measure.instruments.process_tree import MEBIBYTE, CpuSample, cpu_between, pss_bytes

BURN = "import os, time\nwhile time.process_time() < {seconds}: pass\n"
# A program prints a line when it has reached the state under test, and stays until its stdin ends.
STAY = "print('here', flush=True); import sys; sys.stdin.read()\n"
ALONE = BURN + STAY
WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
# Maps a file and reads every page, or writes every page of a private copy.
FILE_BYTES = 16 << 20
MAP = """
import mmap
with open({path!r}, "rb") as file:
    seen = mmap.mmap(file.fileno(), 0, access=mmap.{access})
for at in range(0, len(seen), mmap.PAGESIZE):
    {use}
"""
READ = {"access": "ACCESS_READ", "use": "seen[at]"}
WRITE = {"access": "ACCESS_COPY", "use": "seen[at] = 1"}
NOISE_BYTES = MEBIBYTE // 2  # difference between two starts of the same program


class Spawn(Protocol):
    def __call__(self, program: str, python: str = sys.executable) -> psutil.Process: ...


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a Python program and waits for its first line."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, python: str = sys.executable) -> psutil.Process:
        argv, env = [python, "-S", "-c", program], os.environ | {"PYTHONHOME": sys.base_prefix}
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        started.append(process)
        assert process.stdout
        assert b"here" in process.stdout.readline()
        return psutil.Process(process.pid)

    yield start
    for process in started:
        process.communicate()


def test_the_memory_of_a_tree_is_that_of_all_its_processes(spawn: Spawn) -> None:
    """64 MiB of the child alone count. Memory that two processes share counts once."""
    child = "kept = bytearray(64 << 20)\n" + STAY
    root = spawn(WITH_CHILD.format(child=child) + STAY)
    alone = root.memory_full_info().pss
    assert pss_bytes(root) >= alone + 64 * MEBIBYTE
    resident = sum(process.memory_info().rss for process in [root, *root.children()])
    assert pss_bytes(root) < resident


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that no process maps yet."""
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * FILE_BYTES)
    return str(path)


def test_an_interpreter_that_also_runs_the_lab_does_not_seem_smaller(spawn: Spawn, tmp_path: Path) -> None:
    """The tests run on one interpreter. No other process uses its copy."""
    copy = shutil.copy(os.path.realpath(sys.executable), str(tmp_path / "python3"))
    shared, unshared = pss_bytes(spawn(STAY)), pss_bytes(spawn(STAY, copy))
    assert shared == pytest.approx(unshared, abs=NOISE_BYTES)


@pytest.mark.parametrize("use", [READ, WRITE], ids=["read", "written"])
def test_another_process_that_maps_the_same_file_changes_nothing(spawn: Spawn, file: str, use: dict[str, str]) -> None:
    root = spawn(MAP.format(path=file, **use) + STAY)
    before = pss_bytes(root)
    assert before > FILE_BYTES
    other = spawn(MAP.format(path=file, **READ) + STAY)
    assert pss_bytes(root) == pytest.approx(before, abs=NOISE_BYTES)
    assert pss_bytes(other) > FILE_BYTES


def test_memory_that_forks_share_counts_once(spawn: Spawn, file: str) -> None:
    """Memory written by the parent, and a file that parent, child and another process read."""
    fill = "kept = bytes(range(256)) * (64 << 12)\n" + MAP.format(path=file, **READ)
    alone = pss_bytes(spawn(fill + STAY))
    fork = "import os, sys\nif os.fork():\n    sys.stdin.read(), os.wait(), sys.exit()\nsum(seen[::mmap.PAGESIZE])\n"
    root = spawn(fill + fork + STAY)
    assert len(root.children()) == 1
    spawn(MAP.format(path=file, **READ) + STAY)
    assert pss_bytes(root) == pytest.approx(alone, abs=4 * MEBIBYTE), "pages that the child writes become its own"


def test_a_process_that_ended_leaves_nothing(spawn: Spawn) -> None:
    root = spawn(STAY)
    root.kill()
    while root.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert uncounted_bytes([root.pid]) == 0, "its parent has not waited for it yet"
    root.wait()
    assert uncounted_bytes([root.pid]) == 0
    with pytest.raises(psutil.NoSuchProcess):
        pss_bytes(root)


# ---------------------------------------------------------------- peaks

HOLD = """
import sys
print("here", flush=True)
for line in sys.stdin:
    held = bytearray(int(line)); held[::4096] = b"x" * len(held[::4096]); del held
    print("done", flush=True)
"""


def test_a_peak_between_two_readings_is_reported_and_can_be_reset(tmp_path: Path) -> None:
    """Nothing reads the memory while 64 MB are held, but the kernel records the peak."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        root = psutil.Process(process.pid)

        def hold(megabytes: int) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"%d\n" % (megabytes * MEBIBYTE))
            process.stdin.flush()
            process.stdout.readline()
            return peak.above_now_bytes(root) / MEBIBYTE

        assert peak.reset(root)
        assert hold(64) == pytest.approx(64, abs=4)
        assert peak.reset(root)
        assert peak.above_now_bytes(root) < 4 * MEBIBYTE
        assert hold(16) == pytest.approx(16, abs=4)
        process.stdin.close()


def test_a_kernel_that_does_not_reset_peaks_is_reported(tmp_path: Path) -> None:
    assert not peak.reset(psutil.Process(), proc=tmp_path)
    assert peak.above_now_bytes(psutil.Process(), proc=tmp_path) == 0


# ---------------------------------------------------------------- arithmetic


SAMPLES = [CpuSample(float(at), 2.0 + 0.5 * at) for at in range(11)]


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (2.0, 8.0, (2, 7)),  # a sample at the very end does not count
        (1.5, 8.5, (2, 8)),
        (-5.0, 50.0, (0, 10)),
        (9.0, 11.0, (9, 10)),
    ],
)
def test_the_span_is_from_the_first_to_the_last_sample_between_two_times(
    start: float, end: float, span: tuple[int, int]
) -> None:
    used, seconds = cpu_between(SAMPLES, start, end)
    assert (used, seconds) == (0.5 * (span[1] - span[0]), span[1] - span[0])


def test_the_rate_does_not_depend_on_the_times_of_the_samples() -> None:
    for shift in (0.0, 0.2, 0.7):
        used, seconds = cpu_between(SAMPLES, 2.0 + shift, 8.0 + shift)
        assert used / seconds == pytest.approx(0.5)


@pytest.mark.parametrize(("start", "end"), [(3.1, 3.9), (2.5, 3.5), (20.0, 30.0), (-9.0, -1.0)])
def test_fewer_than_two_samples_are_an_error(start: float, end: float) -> None:
    with pytest.raises(LabError, match="too few CPU samples"):
        cpu_between(SAMPLES, start, end)
    with pytest.raises(LabError, match="too few CPU samples"):
        cpu_between([], start, end)

"""What a process tree uses: its memory now and at its peak, and the arithmetic on samples of its CPU time."""

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
from bench.measure.instruments.file_pages import left_to_others_bytes
from bench.measure.instruments.process_tree import MEBIBYTE, CpuSample, pss_bytes, used_between

BURN = "import os, time\nwhile time.process_time() < {seconds}: pass\n"
# Each says on its output that it is where the test wants it, and stays until its input ends.
STAY = "print('here', flush=True); import sys; sys.stdin.read()\n"
ALONE = BURN + STAY
WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
# A file of which every page is read, or written to a copy of the process's own.
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
NOISE_BYTES = MEBIBYTE // 2  # two starts of one program differ by so much


class Spawn(Protocol):
    def __call__(self, program: str, python: str = sys.executable) -> psutil.Process: ...


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a Python program and waits until it says that it is there."""
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


def test_memory_of_a_tree_is_that_of_all_its_processes(spawn: Spawn) -> None:
    """64 MiB that only the child holds are in the tree's share; what two processes share is counted once."""
    child = "kept = bytearray(64 << 20)\n" + STAY
    root = spawn(WITH_CHILD.format(child=child) + STAY)
    alone = root.memory_full_info().pss
    assert pss_bytes(root) >= alone + 64 * MEBIBYTE
    resident = sum(process.memory_info().rss for process in [root, *root.children()])
    assert pss_bytes(root) < resident


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that nobody maps yet."""
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * FILE_BYTES)
    return str(path)


def test_an_interpreter_that_the_lab_runs_on_looks_no_smaller(spawn: Spawn, tmp_path: Path) -> None:
    """The tests run on one of them; of the other, a copy, there is no other process."""
    copy = shutil.copy(os.path.realpath(sys.executable), str(tmp_path / "python3"))
    ours, nobodys = pss_bytes(spawn(STAY)), pss_bytes(spawn(STAY, copy))
    assert ours == pytest.approx(nobodys, abs=NOISE_BYTES)


@pytest.mark.parametrize("use", [READ, WRITE], ids=["read", "written"])
def test_a_strangers_look_at_a_file_changes_nothing(spawn: Spawn, file: str, use: dict[str, str]) -> None:
    root = spawn(MAP.format(path=file, **use) + STAY)
    before = pss_bytes(root)
    assert before > FILE_BYTES
    stranger = spawn(MAP.format(path=file, **READ) + STAY)
    assert pss_bytes(root) == pytest.approx(before, abs=NOISE_BYTES)
    assert pss_bytes(stranger) > FILE_BYTES


def test_what_forks_share_counts_once(spawn: Spawn, file: str) -> None:
    """Memory that the parent wrote, and a file that both read and a stranger, too."""
    fill = "kept = bytes(range(256)) * (64 << 12)\n" + MAP.format(path=file, **READ)
    alone = pss_bytes(spawn(fill + STAY))
    fork = "import os, sys\nif os.fork():\n    sys.stdin.read(), os.wait(), sys.exit()\nsum(seen[::mmap.PAGESIZE])\n"
    root = spawn(fill + fork + STAY)
    assert len(root.children()) == 1
    spawn(MAP.format(path=file, **READ) + STAY)
    assert pss_bytes(root) == pytest.approx(alone, abs=4 * MEBIBYTE), "what the child writes is its own"


def test_a_process_that_ended_leaves_nothing(spawn: Spawn) -> None:
    root = spawn(STAY)
    root.kill()
    while root.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert left_to_others_bytes([root.pid]) == 0, "its parent has not waited for it yet"
    root.wait()
    assert left_to_others_bytes([root.pid]) == 0
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


def test_a_peak_between_two_looks_is_told_and_forgotten(tmp_path: Path) -> None:
    """Nothing looks while 64 MB are held: the kernel remembers."""
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

        assert peak.forget(root)
        assert hold(64) == pytest.approx(64, abs=4)
        assert peak.forget(root)
        assert peak.above_now_bytes(root) < 4 * MEBIBYTE
        assert hold(16) == pytest.approx(16, abs=4)
        process.stdin.close()


def test_where_the_kernel_forgets_no_peaks_that_is_told(tmp_path: Path) -> None:
    assert not peak.forget(psutil.Process(), proc=tmp_path)
    assert peak.above_now_bytes(psutil.Process(), proc=tmp_path) == 0


# ---------------------------------------------------------------- arithmetic


SAMPLES = [CpuSample(float(at), 2.0 + 0.5 * at) for at in range(11)]


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (2.0, 8.0, (2, 7)),  # what is used up to the end is not yet in a sample taken at the end
        (1.5, 8.5, (2, 8)),
        (-5.0, 50.0, (0, 10)),
        (9.0, 11.0, (9, 10)),
    ],
)
def test_between_two_times_the_whole_samples_inside_count(start: float, end: float, span: tuple[int, int]) -> None:
    used, seconds = used_between(SAMPLES, start, end)
    assert (used, seconds) == (0.5 * (span[1] - span[0]), span[1] - span[0])


def test_the_rate_does_not_depend_on_where_the_samples_fall() -> None:
    for shift in (0.0, 0.2, 0.7):
        used, seconds = used_between(SAMPLES, 2.0 + shift, 8.0 + shift)
        assert used / seconds == pytest.approx(0.5)


@pytest.mark.parametrize(("start", "end"), [(3.1, 3.9), (2.5, 3.5), (20.0, 30.0), (-9.0, -1.0)])
def test_one_sample_is_no_span(start: float, end: float) -> None:
    with pytest.raises(LabError, match="too few CPU samples"):
        used_between(SAMPLES, start, end)
    with pytest.raises(LabError, match="too few CPU samples"):
        used_between([], start, end)

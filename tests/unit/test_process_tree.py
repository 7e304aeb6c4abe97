"""What a process tree uses: its memory, samples of it over time, and the arithmetic on them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from bench.errors import LabError
from bench.instruments.process_tree import MEBIBYTE, Sample, Sampler, pss_bytes, used_between

BURN = "import os, time\nwhile time.process_time() < {seconds}: pass\n"
# Each says on its output that it is where the test wants it, and stays until its input ends.
STAY = "print('here', flush=True); import sys; sys.stdin.read()\n"
ALONE = BURN + STAY
WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
Spawn = Callable[[str], psutil.Process]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a Python program and waits until it says that it is there."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> psutil.Process:
        argv = [sys.executable, "-c", program]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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


def test_a_sampler_follows_a_tree_while_the_block_runs(spawn: Spawn) -> None:
    root = spawn(ALONE.format(seconds=0.1))
    with Sampler(root) as sampled:
        while len(sampled.cpu) < 3 or not sampled.memory:
            time.sleep(0.01)
    count = len(sampled.cpu)
    assert [sample.at for sample in sampled.cpu] == sorted(sample.at for sample in sampled.cpu)
    assert sampled.cpu[-1].cpu_seconds >= sampled.cpu[0].cpu_seconds > 0
    assert all(pss > MEBIBYTE for _, pss in sampled.memory)
    time.sleep(0.1)
    assert len(sampled.cpu) == count


def test_a_sampler_ends_with_its_tree(spawn: Spawn) -> None:
    root = spawn(STAY)
    with Sampler(root) as sampled:
        while not sampled.memory:
            time.sleep(0.01)
        root.kill()
        root.wait()
        sampled.join(5)
        assert not sampled.is_alive()


# ---------------------------------------------------------------- arithmetic


SAMPLES = [Sample(float(at), 2.0 + 0.5 * at) for at in range(11)]


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

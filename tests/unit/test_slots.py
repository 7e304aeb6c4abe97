"""Slots of counters: a worker's is locked while it lives, and its counts stay when it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.slots import Slots
from bench.paths import ROOT

CELLS = 3
WORKER = """
import os, sys, time
from pathlib import Path
from app.slots import Slots
slots = Slots(Path(sys.argv[1]), int(sys.argv[2]))
cells = slots.take()
cells[0] += 1
cells[1] = os.getpid()
child = os.fork() if "forks" in sys.argv else None
if child != 0:
    print(child or slots.own, flush=True)
time.sleep(60)
"""


@contextmanager
def worker(file: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has taken a slot, and counted itself in it."""
    argv = [sys.executable, "-c", WORKER, str(file), str(CELLS), *words]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cells"


def test_each_worker_has_a_slot_of_its_own(file: Path) -> None:
    with worker(file) as one, worker(file) as other:
        assert {said(one), said(other)} == {0, 1}
        read = Slots(file, CELLS).read()
        assert [(cells[0], is_live) for cells, is_live in read] == [(1, True)] * 2
        assert {cells[1] for cells, _ in read} == {one.pid, other.pid}


def test_the_counts_of_a_killed_worker_stay_and_its_slot_is_taken_again(file: Path) -> None:
    reader = Slots(file, CELLS)
    with worker(file) as stays, ExitStack():
        assert said(stays) == 0
        for number in range(1, 6):
            with worker(file) as killed:
                assert said(killed) == 1
                killed.send_signal(signal.SIGKILL)
                killed.wait()
            assert [(cells[0], is_live) for cells, is_live in reader.read()] == [(1, True), (number, False)]
    assert [is_live for _, is_live in reader.read()] == [False, False]
    assert file.stat().st_size == 2 * reader.size


def test_a_child_of_a_worker_does_not_hold_its_slot(file: Path) -> None:
    with worker(file, "forks") as parent:
        child = said(parent)
        try:
            parent.kill()
            parent.wait()
            assert [is_live for _, is_live in Slots(file, CELLS).read()] == [False]
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_own_slot_is_live(file: Path) -> None:
    slots = Slots(file, CELLS)
    assert slots.read() == []
    slots.take()[2] = -5
    ((cells, is_live),) = slots.read()
    assert (list(cells[:CELLS]), is_live) == ([0, 0, -5], True)


def test_a_file_belongs_to_its_user_alone(file: Path) -> None:
    Slots(file, CELLS)
    assert file.stat().st_mode & 0o777 == 0o600

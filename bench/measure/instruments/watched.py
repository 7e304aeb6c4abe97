"""A load generator run to its end, what it says kept: watched by its CPU time, or left alone until it ends."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path

import psutil

from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments.process_tree import CpuSample

SAMPLE_SECONDS = 0.1


def run(
    name: str, argv: list[str], console: Path, timeout_seconds: float, generator: frozenset[int]
) -> list[CpuSample]:
    """Run `argv` on the cores of the `generator`, what it says in `console`; its CPU time every `SAMPLE_SECONDS`.

    This thread keeps off those cores meanwhile, if there are others. On the server's core a sample takes 50 µs or so,
    which a clock of milliseconds does not see, and no CPU time of the server's.

    Raises LabError, with its last words, if it fails or still runs after `timeout_seconds`.
    """
    samples = []
    deadline = time.monotonic() + timeout_seconds
    with console.open("wb") as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, (cores().all - generator) or allowed)
    try:
        of = psutil.Process(process.pid)
        while not _ended(process):
            times = of.cpu_times()
            samples.append(CpuSample(time.time(), times.user + times.system))
            if time.monotonic() > deadline:
                raise LabError(f"{name} still ran after {timeout_seconds:.0f} s; see {console}")
    finally:
        os.sched_setaffinity(0, allowed)
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LabError(f"{name} failed with status {process.returncode}: {_last_line(console)}")
    return samples


def run_alone(name: str, argv: list[str], console: Path, timeout_seconds: float) -> None:
    """Run `argv`, what it says in `console`, and sleep until it ends: nothing of the lab runs beside it.

    Raises LabError, with its last words, if it fails or still runs after `timeout_seconds`.
    """
    with console.open("wb") as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
    handle = os.pidfd_open(process.pid)  # `wait` with a timeout would look again and again
    try:
        ends = select.poll()
        ends.register(handle, select.POLLIN)
        if not ends.poll(timeout_seconds * 1000):
            raise LabError(f"{name} still ran after {timeout_seconds:.0f} s; see {console}")
    finally:
        os.close(handle)
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LabError(f"{name} failed with status {process.returncode}: {_last_line(console)}")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(SAMPLE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_line(console: Path) -> str:
    lines = [line for line in console.read_text().splitlines() if line.strip()]
    return (lines or ["it said nothing"])[-1]

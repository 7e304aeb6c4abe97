"""Run a load generator to its end and keep its output: with samples of its CPU time, or undisturbed."""

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
    """Run `argv` with its output in `console`. Returns samples of its CPU time, one every `SAMPLE_SECONDS`.

    Meanwhile this thread avoids the cores of the `generator`, if there are others. A sample takes about 50 µs on the
    server's core. That is invisible at Gatling's resolution of 1 ms, and does not count as CPU time of the server.

    Raises LabError if it fails, with its last line, or if it still runs after `timeout_seconds`.
    """
    samples = []
    deadline = time.monotonic() + timeout_seconds
    with console.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, (cores().all - generator) or allowed)
    try:
        watched = psutil.Process(process.pid)
        while not _has_ended(process):
            times = watched.cpu_times()
            samples.append(CpuSample(time.time(), times.user + times.system))
            if time.monotonic() > deadline:
                raise LabError(f"{name} timed out after {timeout_seconds:.0f} s; see {console}")
    finally:
        os.sched_setaffinity(0, allowed)
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LabError(f"{name} failed with status {process.returncode}: {_last_line(console)}")
    return samples


def run_alone(name: str, argv: list[str], console: Path, timeout_seconds: float) -> None:
    """Run `argv` with its output in `console`, and sleep until it ends, so that the lab does not disturb it.

    Raises LabError if it fails, with its last line, or if it still runs after `timeout_seconds`.
    """
    with console.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    handle = os.pidfd_open(process.pid)  # because `wait` with a timeout polls
    try:
        end = select.poll()
        end.register(handle, select.POLLIN)
        if not end.poll(timeout_seconds * 1000):
            raise LabError(f"{name} timed out after {timeout_seconds:.0f} s; see {console}")
    finally:
        os.close(handle)
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LabError(f"{name} failed with status {process.returncode}: {_last_line(console)}")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(SAMPLE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_line(console: Path) -> str:
    lines = [line for line in console.read_text().splitlines() if line.strip()]
    return (lines or ["no output"])[-1]

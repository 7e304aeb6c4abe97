"""A load generator run to its end: what it says kept, its CPU time sampled."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psutil

from bench.errors import LabError
from bench.instruments.process_tree import Sample

SAMPLE_SECONDS = 0.1


def run(name: str, argv: list[str], console: Path, timeout_seconds: float) -> list[Sample]:
    """Run `argv`, what it says in `console`; its CPU time every `SAMPLE_SECONDS`.

    Raises LabError, with its last words, if it fails or still runs after `timeout_seconds`.
    """
    samples = []
    deadline = time.monotonic() + timeout_seconds
    with console.open("wb") as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
    try:
        of = psutil.Process(process.pid)
        while not _ended(process):
            times = of.cpu_times()
            samples.append(Sample(time.time(), times.user + times.system))
            if time.monotonic() > deadline:
                raise LabError(f"{name} still ran after {timeout_seconds:.0f} s; see {console}")
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LabError(f"{name} failed with status {process.returncode}: {_last_line(console)}")
    return samples


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(SAMPLE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_line(console: Path) -> str:
    lines = [line for line in console.read_text().splitlines() if line.strip()]
    return (lines or ["it said nothing"])[-1]

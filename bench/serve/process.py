"""One life for every process that is started: it gets ready, runs while the block does, and is ended by its signal.

What the signal does not end is killed, with a complaint.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from bench.errors import LabError

IN_HASTE_SECONDS = 2.0  # to end in, where the block failed


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What is started: `argv` in `folder`, with `env` for its whole environment and what it says in `log`.

    `is_ready` is asked again and again, for `ready_seconds` at most, and raises LabError where it never will be.
    `signal` ends it and all its children, within `stop_seconds`.
    """

    name: str
    argv: list[str]
    folder: Path
    env: dict[str, str]
    log: Path
    is_ready: Callable[[], bool]
    ready_seconds: float
    poll_seconds: float
    signal: signal.Signals
    stop_seconds: float


class Started(NamedTuple):
    """A process that is ready, `seconds` after it was spawned."""

    process: psutil.Process
    seconds: float


@contextmanager
def running(program: Program) -> Iterator[Started]:
    """The program while the block runs.

    Raises LabError if it is not ready in time, ends by itself, or its signal does not end all of it.
    """
    began = time.perf_counter()
    with program.log.open("wb") as output:
        process = subprocess.Popen(
            program.argv,
            cwd=program.folder,
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _await(process, program)
        yield Started(psutil.Process(process.pid), time.perf_counter() - began)
    except BaseException:
        _end(process, program, IN_HASTE_SECONDS)
        _kill(process, [])  # what lost its parent, too
        raise
    status = process.poll()
    left = _end(process, program, program.stop_seconds)
    if status is not None:
        raise _complaint(program, f"it ended by itself with status {status}")
    if left:
        raise _complaint(program, f"{left} still ran {program.stop_seconds:.0f} s after {program.signal.name}, killed")


def _await(process: subprocess.Popen[bytes], program: Program) -> None:
    deadline = time.monotonic() + program.ready_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _complaint(program, f"it ended with status {process.returncode} before it was ready")
        if program.is_ready():
            return
        time.sleep(program.poll_seconds)
    raise _complaint(program, f"not ready within {program.ready_seconds:.0f} s")


def _end(process: subprocess.Popen[bytes], program: Program, seconds: float) -> str | None:
    """Signal it, unless it has ended, and kill what still runs of it after so many seconds; who that was, in words."""
    has_ended = process.poll() is not None
    children = [] if has_ended else psutil.Process(process.pid).children(recursive=True)
    left: str | None = "it"
    try:
        left = None if has_ended else _signal(process, children, program, seconds)
    finally:
        if has_ended or left:
            _kill(process, children)
    return left


def _signal(
    process: subprocess.Popen[bytes], children: list[psutil.Process], program: Program, seconds: float
) -> str | None:
    process.send_signal(program.signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return "it"
    late = psutil.wait_procs(children, seconds)[1]
    return f"{len(late)} of its children" if late else None


def _kill(process: subprocess.Popen[bytes], children: list[psutil.Process]) -> None:
    """Kill its session, and its children one by one, too: PostgreSQL's each have a session of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _complaint(program: Program, what: str) -> LabError:
    return LabError(f"{program.name}: {what}; see {program.log}")

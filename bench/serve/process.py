"""The life cycle of every started process: it becomes ready, runs during a block, and is ended by a signal.

Processes that the signal does not end are killed and reported as an error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import psutil

from bench.errors import LabError

FAILED_STOP_SECONDS = 2.0  # between the signal and SIGKILL if the block raised an error


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program to start: `argv` in `folder` with the complete environment `env`, its output in `log`.

    `is_ready` is polled for at most `ready_seconds`. It raises LabError if the program can never become ready. `told`
    returns why it was not ready at the last poll, if that is known. With `is_piped`, stdout is a pipe in place of the
    log: another process reads and discards it, on the lab's own cores.
    `signal` ends the program and all its children within `stop_seconds`. A program that `hands_over` may end by itself
    before; then what it left running is killed.
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
    told: Callable[[], str | None] = lambda: None
    is_piped: bool = False
    hands_over: bool = False


class Started(NamedTuple):
    """A ready process. `seconds`: spawn to readiness."""

    process: psutil.Process
    seconds: float


@contextmanager
def running(program: Program) -> Iterator[Started]:
    """Run the program during the block.

    Raises LabError if it is not ready in time, exits by itself, or if it or a child survives its signal.
    """
    with _reader() if program.is_piped else nullcontext() as stdout:
        began = time.perf_counter()
        process = _spawned(program, stdout)
        try:
            _await(process, program)
            yield Started(psutil.Process(process.pid), time.perf_counter() - began)
        except BaseException:
            _stop(process, program, FAILED_STOP_SECONDS)
            _kill(process, [])  # including orphans
            raise
        status = process.poll()
        survivors = _stop(process, program, program.stop_seconds)
        if status is not None and not program.hands_over:
            raise _error(program, f"exited by itself with status {status}")
        if survivors:
            late = f"{survivors} still ran {program.stop_seconds:g} s after {program.signal.name}"
            raise _error(program, f"{late}: killed")


@contextmanager
def _reader() -> Iterator[IO[bytes] | None]:
    """Yields a pipe; what is written to it is read and discarded until the end of the block."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        try:
            yield reader.stdin
        finally:
            reader.kill()  # a writer that survived would keep it


def _spawned(program: Program, stdout: IO[bytes] | None) -> subprocess.Popen[bytes]:
    with program.log.open("wb") as log:
        return subprocess.Popen(
            program.argv,
            cwd=program.folder,
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=stdout or log,
            stderr=log,
            start_new_session=True,
        )


def _await(process: subprocess.Popen[bytes], program: Program) -> None:
    deadline = time.monotonic() + program.ready_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _error(program, f"exited with status {process.returncode} before it was ready")
        if program.is_ready():
            return
        time.sleep(program.poll_seconds)
    reason = program.told()
    raise _error(program, f"not ready after {program.ready_seconds:g} s{f': {reason}' if reason else ''}")


def _stop(process: subprocess.Popen[bytes], program: Program, seconds: float) -> str | None:
    """Send the signal, then kill what still runs after `seconds`. Returns a description of the killed processes."""
    has_ended = process.poll() is not None
    children = [] if has_ended else psutil.Process(process.pid).children(recursive=True)
    survivors: str | None = "it"
    try:
        survivors = None if has_ended else _signal(process, children, program, seconds)
    finally:
        if has_ended or survivors:
            _kill(process, children)
    return survivors


def _signal(
    process: subprocess.Popen[bytes], children: list[psutil.Process], program: Program, seconds: float
) -> str | None:
    """Send the signal and wait. Returns a description of the processes that still run after `seconds`, or None."""
    process.send_signal(program.signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return "it"
    late = psutil.wait_procs(children, seconds)[1]
    return f"{len(late)} of its children" if late else None


def _kill(process: subprocess.Popen[bytes], children: list[psutil.Process]) -> None:
    """Kill the process's session and each child, because each child of PostgreSQL has its own session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _error(program: Program, what: str) -> LabError:
    return LabError(f"{program.name}: {what}; see {program.log}")

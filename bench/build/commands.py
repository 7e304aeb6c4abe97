"""Build commands: each runs in a folder, and its output goes to a log."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.errors import LabError
from bench.model import Argv
from bench.paths import ROOT

EPOCH = "1577836800"  # a fixed date in every wheel, so that equal sources give equal bytes
STEP_SECONDS = 600
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "SOURCE_DATE_EPOCH": EPOCH}


def run_all(
    steps: tuple[Argv, ...], placeholders: Mapping[str, str], folder: Path, log: Path, env: dict[str, str] | None = None
) -> None:
    """Run the steps of a build in `folder` with their placeholders replaced. Raises LabError if a step fails."""
    for step in steps:
        run([part.format_map(placeholders) for part in step], folder, log, env)


def run(argv: list[str], folder: Path, log: Path, env: dict[str, str] | None = None) -> None:
    """Run one build command and append its output to `log`. Raises LabError if it fails."""
    command, see = f"`{' '.join(argv)}`", f"see {log.relative_to(ROOT) if log.is_relative_to(ROOT) else log}"
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        try:
            process = subprocess.Popen(
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env or ENVIRONMENT
            )
        except OSError as error:
            raise LabError(f"{command} could not be started ({error.strerror}); {see}") from error
        try:
            is_over = _ends(process, STEP_SECONDS)
        finally:
            process.kill()  # it may have ended
            status = process.wait()
    if not is_over:
        raise LabError(f"{command} timed out after {STEP_SECONDS} s; {see}")
    if status:
        raise LabError(f"{command} failed with status {status}{_last_line(log)}; {see}")


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a process ends in time; returns at once when it does, where `Popen.wait` looks every 50 ms."""
    descriptor = os.pidfd_open(process.pid)
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        return bool(end.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _last_line(log: Path) -> str:
    """Return a colon and the last output line of the last command, or an empty string if it printed nothing."""
    last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2].strip()
    return "" if last.startswith("$ ") else f": {last}"

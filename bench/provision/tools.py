"""Environments of tools that run beside the lab, each from a lock file of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.paths import ROOT, TOOLS
from bench.provision import stamp
from bench.provision.interpreters import require_success, uv


def python(name: str) -> Path:
    """Return the interpreter of `.lab/tools/<name>`, which is first made from `bench/locks/<name>.txt` if necessary.

    Raises MissingError if it cannot be made.
    """
    lock = ROOT / f"bench/locks/{name}.txt"
    return environment(TOOLS / name, lock, sys.executable, made_of=stamp.of(lock))


def environment(folder: Path, lock: Path, executable: str, *, made_of: str) -> Path:
    """Return the interpreter of an environment in `folder`, made from a lock file for the interpreter `executable`.

    It stays as long as its stamp `made_of` does. Raises MissingError if it cannot be made.
    """
    if not stamp.is_current(folder, made_of):
        with stamp.alone(folder):
            if not stamp.is_current(folder, made_of):
                _make(folder, lock, executable, made_of)
    return folder / "env/bin/python"


def _make(folder: Path, lock: Path, executable: str, made_of: str) -> None:
    with stamp.rebuilding(folder, made_of):
        inside = str(folder / "env")
        require_success(uv("venv", "--quiet", "--no-config", "--python", executable, inside))
        locked = ["--require-hashes", "--python", inside, str(lock)]
        require_success(uv("pip", "sync", "--quiet", "--no-config", *locked))

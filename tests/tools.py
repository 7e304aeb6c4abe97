"""Environments of tools that tests run beside the lab, each from a lock file of its own."""

import sys
from pathlib import Path

from bench.monitoring import prometheus
from bench.paths import ROOT, TOOLS
from bench.provision import stamp
from bench.provision.interpreters import require_success, uv


def python(name: str) -> Path:
    """The interpreter of `.lab/tools/<name>`, which is first made from `bench/locks/<name>.txt` if necessary.

    Raises MissingError if it cannot be made.
    """
    lock, folder = ROOT / f"bench/locks/{name}.txt", TOOLS / name
    made_of = stamp.of(lock)
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            inside = str(folder / "env")
            require_success(uv("venv", "--quiet", "--no-config", "--python", sys.executable, inside))
            locked = ["--require-hashes", "--python", inside, str(lock)]
            require_success(uv("pip", "sync", "--quiet", "--no-config", *locked))
    return folder / "env/bin/python"


def promtool() -> Path:
    """Prometheus' linter, from Debian. Raises MissingError if it cannot be had."""
    return prometheus.provision() / "promtool"

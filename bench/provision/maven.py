"""Jars from Maven: `mvn package` of a project, each jar checked against the project's `jars.sha256`."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.paths import ROOT
from bench.provision import system

HASHES = "jars.sha256"


def package(project: Path, target: Path) -> None:
    """Run `mvn package` of `project` with its output in `target`, and check the jars in `target/lib`.

    Raises MissingError if Maven or a download is unavailable, and LabError if a jar's hash is not the declared one.
    """
    system.require(("JDK", "Maven"))
    argv = ["mvn", "--batch-mode", "--quiet", "package", f"-Dtarget={target}"]
    run(argv, project, f"`mvn package` in {project.relative_to(ROOT)}")
    _check(project, target / "lib")


def jars(project: Path, target: Path) -> list[Path]:
    """Return the checked jars of `project`, sorted by name."""
    return [target / "lib" / name for name in sorted(_hashes(project))]


def run(argv: list[str], folder: Path, what: str) -> None:
    """Run a command of Java or Maven. Raises MissingError with its first error if it fails."""
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines[-1:]
        raise MissingError(f"{what} failed with status {done.returncode}: {' '.join(errors[:1])}")


def _hashes(project: Path) -> dict[str, str]:
    lines = (project / HASHES).read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in map(str.split, lines)}


def _check(project: Path, lib: Path) -> None:
    expected = _hashes(project)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in lib.iterdir()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        declared = project.relative_to(ROOT) / HASHES
        raise LabError(f"jars that differ from {declared}: {', '.join(wrong)}: remove them from ~/.m2")

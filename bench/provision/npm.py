"""Programs from npm packages, each installed into its own folder. Every download is checked against the lock file."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.model import FromNpm
from bench.paths import ROOT
from bench.provision import stamp, system

DECLARED = ("package.json", "package-lock.json")  # the lock file names no registry: npm's configuration does


def unpack(source: FromNpm, folder: Path) -> Path:
    """Return the executable of `source` in `folder`, installing the packages first if necessary.

    Install scripts of the packages do not run. Raises MissingError if npm is not installed or fails.
    """
    executable = folder / source.executable
    if is_unpacked(source, folder):
        return executable
    system.require(("npm",))
    with stamp.rebuilding(folder, made_of(source)):
        for name in DECLARED:
            shutil.copyfile(ROOT / source.folder / name, folder / name)
        done = system.run(["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])
        if done.returncode != 0:
            raise MissingError(f"`npm ci` in {source.folder} failed: {_first_error(done.stderr)}")
        if not executable.is_file():
            raise LabError(f"the packages of {source.folder} do not contain {source.executable}")
    return executable


def is_unpacked(source: FromNpm, folder: Path) -> bool:
    """Return True if `folder` contains the packages that `source` declares."""
    return stamp.is_current(folder, made_of(source))


def made_of(source: FromNpm) -> str:
    """Return a hash of the executable's name and of each file that declares the packages."""
    return stamp.of(source.executable, *(ROOT / source.folder / name for name in DECLARED))


def _first_error(stderr: str) -> str:
    """Return npm's first error message, skipping the line with the error code."""
    errors = [line.removeprefix("npm error ").strip() for line in stderr.splitlines() if line.startswith("npm error ")]
    return next((line for line in errors if not line.startswith("code ")), "no error message")

"""Programs that npm packages hold, brought into a folder of their own; each download is checked against its lock."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.model import FromNpm
from bench.paths import ROOT
from bench.provision import stamp, system

DECLARED = ("package.json", "package-lock.json")  # the lock names no registry: npm's own setting does


def unpack(source: FromNpm, folder: Path) -> Path:
    """The executable of `source` below `folder`; asks npm for the packages unless they are there already.

    No package's own scripts run. Raises MissingError with npm's complaint, or where there is no npm.
    """
    executable = folder / source.executable
    if is_unpacked(source, folder):
        return executable
    system.require(("npm",))
    with stamp.making(folder, made_of(source)):
        for name in DECLARED:
            shutil.copyfile(ROOT / source.folder / name, folder / name)
        done = system.run(["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])
        if done.returncode != 0:
            raise MissingError(f"`npm ci` of {source.folder} failed: {_complaint(done.stderr)}")
        if not executable.is_file():
            raise LabError(f"the packages of {source.folder} hold no {source.executable}")
    return executable


def is_unpacked(source: FromNpm, folder: Path) -> bool:
    """Whether `folder` holds what `source` declares."""
    return stamp.stands(folder, made_of(source))


def made_of(source: FromNpm) -> str:
    """A hash of what it is made of: the executable's name and each declaring file."""
    return stamp.of(source.executable, *(ROOT / source.folder / name for name in DECLARED))


def _complaint(said: str) -> str:
    """The first thing that npm calls an error, without the code that it puts before."""
    errors = [line.removeprefix("npm error ").strip() for line in said.splitlines() if line.startswith("npm error ")]
    return next((line for line in errors if not line.startswith("code ")), "it said nothing")

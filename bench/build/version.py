"""What the code of the checkout is: the version and the commit that a build writes into its wheel.

    0.1.0                                 a release: the clean tree of the commit with the tag v0.1.0
    0.1.0+g663a132793b8                   the last commit that changed code
    0.1.0+g663a132793b8.d0c39a1e5f276     the same with changes: a digest of the code as it is
    0.1.0+d0c39a1e5f276                   without git, such as an archive or a copy

No date takes part, so two trees of one day, or with one `SOURCE_DATE_EPOCH`, never share a version. A local version
(PEP 440) is newer than its release, and the public index refuses it. `python -m bench.build.version` prints that of the
checkout.
"""

from __future__ import annotations

import hashlib
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.errors import LabError
from bench.host import machine
from bench.paths import ROOT

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DIRTY = "-dirty"  # the end of `machine.commit` if code differs
DIGITS = 12


class Code(NamedTuple):
    """The version of the code, and its commit: None without git, and with the end `DIRTY` if code differs from it."""

    version: str
    commit: str | None


def development() -> Code:
    """Return what the code is, whatever its state. A commit of other files than code changes nothing."""
    commit = machine.commit()
    parts = [f"g{commit.removesuffix(DIRTY)}"] if commit else []
    if commit is None or commit.endswith(DIRTY):
        parts.append(f"d{_digest(_tracked() if commit else _files())}")
    return Code(f"{VERSION}+{'.'.join(parts)}", commit)


def release() -> Code:
    """Return the release that is checked out.

    Raises LabError without git, if any file differs from the commit, or if the commit has not the tag of its version.
    """
    head = _git("rev-parse", "HEAD")
    if head is None or machine.commit() is None:  # the latter in another repository's folder
        raise LabError("a release requires git and a clone of the repository: its wheels name the commit")
    changed = (_git("status", "--porcelain") or "").split("\n")[0]
    if changed:
        raise LabError(f"a release requires a clean checkout, and {changed[3:]} differs from the commit")
    tag = f"v{VERSION}"
    if tag not in (_git("tag", "--points-at", "HEAD") or "").split():
        raise LabError(f"a release is the commit with the tag {tag}: run `git tag {tag}` once it is ready")
    return Code(VERSION, head.strip())


def _digest(files: Iterable[Path]) -> str:
    """Return a digest of the names, the modes and the contents of files in the checkout."""
    digest = hashlib.sha256()
    for file in sorted(files):
        content, executable = file.read_bytes(), file.stat().st_mode & 0o100
        digest.update(f"{file.relative_to(ROOT)}\0{executable} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:DIGITS]


def _tracked() -> set[Path]:
    """Return the files of the code that git has or would take, as they are."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *machine.CODE) or ""
    return {ROOT / name for name in listed.split("\0") if (ROOT / name).is_file()}


def _files() -> set[Path]:
    """Return all files of the code but bytecode."""
    found = (file for each in machine.CODE for file in (ROOT / each, *(ROOT / each).rglob("*")))
    return {file for file in found if file.is_file() and file.suffix != ".pyc"}


def _git(*words: str) -> str | None:
    """Return the output of git, or None if there is no git or no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    print(development().version)

"""A user's folder: the hash of what the lab takes from it, and its copy, through which nothing is written back."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.errors import LabError

LEFT_OUT = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
MANIFEST = "lab.toml"


def fingerprint(source: Path) -> str:
    """Return a hash of the names and contents of all copied files of a project, except `lab.toml`."""
    digest = hashlib.sha256()
    for place, what in sorted(_entries(source), key=lambda entry: entry[0]):
        if isinstance(what, str) or (what.is_file() and place.name != MANIFEST):
            content = what.encode() if isinstance(what, str) else what.read_bytes()
            digest.update(f"{place}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def copy(source: Path, destination: Path) -> None:
    """Copy a project without its version control, virtual environments, caches, sockets, pipes and devices.

    A link to a copied file leads to the copy. A link to anything else becomes a copy of its target.
    """
    folders = [(source, destination)]
    destination.mkdir(parents=True)
    for place, what in _entries(source):
        to = destination / place
        if isinstance(what, str):
            to.symlink_to(what)
        elif what.is_dir():
            to.mkdir()
            folders.append((what, to))
        else:
            shutil.copy2(what, to)
    for folder, to in reversed(folders):  # last, because a folder may be read-only
        shutil.copystat(folder, to)


def _entries(source: Path) -> Iterator[tuple[Path, Path | str]]:
    """Yield what is copied, each folder before its content: its relative path, and its origin or a link's text."""
    yield from _within(source, Path(), {source.resolve(): Path()})


def _within(folder: Path, at: Path, roots: dict[Path, Path]) -> Iterator[tuple[Path, Path | str]]:
    """Yield the entries of `folder`, copied to `at`. `roots` are the copied folders around it, with their places."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT:
            continue
        place = at / path.name
        text = _kept(path, place, roots) if path.is_symlink() else None
        if text is not None:
            yield place, text
        elif path.is_dir():
            yield place, path
            yield from _within(path, place, roots | ({path.resolve(): place} if path.is_symlink() else {}))
        elif path.is_file():
            yield place, path


def _kept(link: Path, place: Path, roots: dict[Path, Path]) -> str | None:
    """Return the text of a link that stays a link, or None if its target is copied in its place.

    Raises LabError for a link to a folder that contains the project.
    """
    try:
        target = link.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return str(link.readlink())
    for root, at in roots.items():
        if target.is_relative_to(root) and LEFT_OUT.isdisjoint(target.relative_to(root).parts):
            return os.path.relpath(at / target.relative_to(root), place.parent)
        if root.is_relative_to(target):
            raise LabError(f"{link} links to {target}, which contains it: remove the link")
    if target.is_dir() or target.is_file():
        return None
    return str(target if target.exists() else link.readlink())

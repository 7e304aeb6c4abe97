"""Sessions that git still has, but that the checkout no longer keeps: a newer session has taken their place.

A shallow clone has few of them, a checkout without git none. A session in an earlier format is left out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import keep
from bench.keep import Kept
from bench.paths import ROOT

Identity = tuple[str, str]  # the study and the session's start


def identity(kept: Kept) -> Identity:
    """What tells a session from all others."""
    return kept.study.name, kept.session.started


def former(folders: Iterable[Path], known: Iterable[Identity], root: Path = ROOT) -> Iterator[tuple[Kept, bytes]]:
    """Each session that git has of the `folders`, in its last readable form, without the `known` ones."""
    seen = set(known)
    for blob in _blobs(folders, root):
        content = _git(root, "cat-file", "blob", blob)
        try:
            kept = keep.unpacked(content)
        except ValueError:
            continue
        if identity(kept) not in seen:
            seen.add(identity(kept))
            yield kept, content


def _blobs(folders: Iterable[Path], root: Path) -> list[str]:
    """The kept files of all commits up to this one, the newest first."""
    asked = ["--format=", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AM", "--"]
    names = [str(folder.relative_to(root)) for folder in folders]
    lines = _git(root, "log", *asked, *names).decode().splitlines()
    parts = [line.split("\t") for line in lines if line.endswith(keep.SUFFIX)]
    return list(dict.fromkeys(head.split()[3] for head, _ in parts))


def _git(root: Path, *words: str) -> bytes:
    """The output of git; empty without git or outside of a repository."""
    try:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""

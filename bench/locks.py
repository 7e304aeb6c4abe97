"""The lock files: entries by name, with their hashes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bench.errors import LabError

ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==\S+.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def entries(lock: Path, names: Iterable[str]) -> str:
    """The part of `lock` that pins `names`, each line with its version, marker and hashes."""
    text = lock.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for match in ENTRY.finditer(text):
        found[match[1]] = found.get(match[1], "") + match[0]
    for name in names:
        if name not in found:
            raise LabError(f"{lock.name} does not pin {name}; name it in {lock.stem}.in and run `make lock`")
    return "".join(found[name] for name in names)

"""A stamp in a folder: a hash of everything the folder was built from.

It is written last. A folder whose stamp is missing or different is incomplete or outdated, and is rebuilt.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
NAME = "made-of.txt"


def of(*parts: str | Path) -> str:
    """Return a hash of texts and of files; of a file its name and content count."""
    digest = hashlib.sha256()
    for part in parts:
        text, content = (part, b"") if isinstance(part, str) else (part.name, part.read_bytes())
        digest.update(f"{len(text)} {len(content)}\n{text}".encode() + content)
    return digest.hexdigest()


def is_current(folder: Path, made_of: str) -> bool:
    """Return True if `folder` is complete and was built from the inputs with the hash `made_of`."""
    stamp = folder / NAME
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder during the block: two processes that fill one folder spoil both."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def rebuilding(folder: Path, made_of: str) -> Iterator[None]:
    """Empty `folder` for the block to fill, then stamp it. If the block raises, the folder has no stamp."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield
    (folder / NAME).write_text(made_of, encoding="utf-8")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write `record` to `path` atomically."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(record))
    part.rename(path)


def read_record(path: Path, noun: type[T]) -> T | None:
    """Return the record at `path`, or None if it is missing or unreadable, so that the caller builds anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=noun)
    except (FileNotFoundError, msgspec.DecodeError):
        return None

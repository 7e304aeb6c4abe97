"""What a folder was made of, written into it last: it stands whole, made of exactly that, or is made anew."""

from __future__ import annotations

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
    """A hash of texts, and of the names and contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        text, content = (part, b"") if isinstance(part, str) else (part.name, part.read_bytes())
        digest.update(f"{len(text)} {len(content)}\n{text}".encode() + content)
    return digest.hexdigest()


def stands(folder: Path, made_of: str) -> bool:
    """Whether `folder` is there whole, made of that."""
    stamp = folder / NAME
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of


@contextmanager
def making(folder: Path, made_of: str) -> Iterator[None]:
    """An empty `folder`, which the block fills; one that it leaves unfinished does not stand."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield
    (folder / NAME).write_text(made_of, encoding="utf-8")


def record(path: Path, made: msgspec.Struct) -> None:
    """Write what was made, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(made))
    part.rename(path)


def recorded(path: Path, noun: type[T]) -> T | None:
    """What was made, by its record; None where there is none, or none that this lab wrote: then it is made anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=noun)
    except (FileNotFoundError, msgspec.DecodeError):
        return None

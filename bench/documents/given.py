"""Given documents: a user's folder in the layout of spec/golden/valid, some of which are held out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import LabError

ANSWER = ".out.json"
CHECKED, UNSEEN = 8, 24  # at most, and at most a fifth each, because a load should send as many others as possible


class Pair(msgspec.Struct, frozen=True):
    """A document and its right answer."""

    name: str
    document: bytes
    answer: bytes


def read(folder: Path) -> list[Pair]:
    """Return the documents of the folder and its subfolders with their answers, sorted by name.

    Raises LabError for a missing folder, for fewer than two documents, and for documents and answers that do not match.
    """
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder of documents")
    paths = sorted(folder.rglob("*.json"))
    inputs = [path for path in paths if not path.name.endswith(ANSWER)]
    for path in inputs:
        if not path.with_suffix(ANSWER).is_file():
            raise LabError(f"{path}: no right answer: write {path.stem}{ANSWER} beside it")
    for path in set(paths) - set(inputs):
        if path.with_name(path.name.removesuffix(ANSWER) + ".json") not in inputs:
            raise LabError(f"{path}: answer without its document {path.name.removesuffix(ANSWER)}.json")
    if len(inputs) < 2:
        raise LabError(
            f"{folder}: requires at least 2 documents (found {len(inputs)}), as some are held out for checking: "
            f"write NAME.json and its right answer NAME{ANSWER}"
        )
    return [
        Pair(str(path.relative_to(folder)), path.read_bytes(), path.with_suffix(ANSWER).read_bytes()) for path in inputs
    ]


def split(pairs: list[Pair]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Split documents into those sent in turn, at least one for checking, and those sent only once, if enough.

    The last two are spread evenly over the sorted names, because names may indicate how documents differ.
    """
    fifth = len(pairs) // 5
    checked = _spread(pairs, min(CHECKED, max(1, fifth)))
    unseen = _spread([pair for pair in pairs if pair not in checked], min(UNSEEN, fifth))
    return [pair for pair in pairs if pair not in checked and pair not in unseen], checked, unseen


def with_paths(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (path in the set, document, answer), first of the documents that are sent in turn."""
    for part, pairs in zip(("load", "check", "unseen"), split(read(folder)), strict=True):
        for number, pair in enumerate(pairs):
            yield f"{part}/{number:04}.json", pair.document, pair.answer


def _spread(pairs: list[Pair], count: int) -> list[Pair]:
    return [pairs[index * len(pairs) // count] for index in range(count)]

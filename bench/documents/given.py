"""Documents that somebody brings: a folder laid out like spec/golden/valid, parts of it held out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import LabError

ANSWER = ".out.json"
CHECKED, UNSEEN = 8, 24  # at most, and at most a fifth each: the others are sent in turn, the more the better


class Pair(msgspec.Struct, frozen=True):
    """A document and its only right answer."""

    name: str
    document: bytes
    answer: bytes


def read(folder: Path) -> list[Pair]:
    """Every document of the folder and all below it, with its answer, by name.

    Raises LabError for a folder that is not there or too empty, and for a document or an answer without the other.
    """
    if not folder.is_dir():
        raise LabError(f"{folder}: there is no such folder of documents")
    paths = sorted(folder.rglob("*.json"))
    inputs = [path for path in paths if not path.name.endswith(ANSWER)]
    for path in inputs:
        if not path.with_suffix(ANSWER).is_file():
            raise LabError(f"{path}: its right answer is not there: {path.stem}{ANSWER}")
    for path in set(paths) - set(inputs):
        if path.with_name(path.name.removesuffix(ANSWER) + ".json") not in inputs:
            raise LabError(f"{path}: an answer without a document: {path.name.removesuffix(ANSWER)}.json")
    if len(inputs) < 2:
        raise LabError(
            f"{folder}: it takes two documents or more, NAME.json with the answer NAME{ANSWER}, as some are held out "
            f"for checking; here are {len(inputs)}"
        )
    return [
        Pair(str(path.relative_to(folder)), path.read_bytes(), path.with_suffix(ANSWER).read_bytes()) for path in inputs
    ]


def split(pairs: list[Pair]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """What is sent in turn, what checks answers (at least one) and what is sent once, if there are enough.

    The last two are from all over, as names may say how documents differ.
    """
    fifth = len(pairs) // 5
    checked = _spread(pairs, min(CHECKED, max(1, fifth)))
    unseen = _spread([pair for pair in pairs if pair not in checked], min(UNSEEN, fifth))
    return [pair for pair in pairs if pair not in checked and pair not in unseen], checked, unseen


def placed(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Documents and answers, each with its path in the set: first those that are sent in turn."""
    for place, pairs in zip(("load", "check", "unseen"), split(read(folder)), strict=True):
        for number, pair in enumerate(pairs):
            yield f"{place}/{number:04}.json", pair.document, pair.answer


def _spread(pairs: list[Pair], count: int) -> list[Pair]:
    return [pairs[index * len(pairs) // count] for index in range(count)]

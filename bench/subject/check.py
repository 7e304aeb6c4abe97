"""Ask a core, inside the measured interpreter: all cases of a folder, or document after document from a pipe.

With `--cases FOLDER`, laid out like spec/golden: one JSON line a mismatch, {"case", "expected", "got"}, and a last one
of counts and the seconds of a call, {"cases", "mismatches", "median_seconds"}; exit status 1 on any. NAME.json is a
case; NAME.out.json beside it is its answer, NAME.pointer its first breach, and without either it is malformed, if its
folder is named so.

Without it: documents come in through stdin and outcomes go out through stdout, one for one, until stdin ends. A
document is its length (4 bytes, big-endian) and its bytes; an outcome is a JSON line like ["invalid", "/orders/0/id"],
and for an answer ["ok", LENGTH] with the LENGTH bytes behind the line.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, BinaryIO, TextIO

from app.about import built_core
from app.contract import load_core
from app.core import InvalidDocument, MalformedDocument

# ("ok", answer), ("malformed",), ("invalid", pointer); or none of these: ("raised", error), ("returned", type)
Answer = tuple[Any, ...]


def outcome(transform: Callable[[bytes], bytes], document: bytes) -> Answer:
    """What a core says to a document."""
    try:
        answer: object = transform(document)
        return ("ok", answer) if isinstance(answer, bytes) else ("returned", type(answer).__name__)
    except MalformedDocument:
        return ("malformed",)
    except InvalidDocument as error:
        return ("invalid", error.pointer)
    except Exception as error:  # noqa: BLE001, to raise anything else is an outcome too: a wrong one
        return ("raised", repr(error))


def serve(transform: Callable[[bytes], bytes], documents: BinaryIO, outcomes: BinaryIO) -> None:
    """Answer each document of a pipe with its outcome."""
    while length := documents.read(4):
        said = outcome(transform, documents.read(int.from_bytes(length, "big")))
        answer = said[1] if said[0] == "ok" else b""
        line = ["ok", len(answer)] if said[0] == "ok" else said
        outcomes.write(json.dumps(line).encode() + b"\n" + answer)
        outcomes.flush()


def check(transform: Callable[[bytes], bytes], folder: Path, told: TextIO) -> bool:
    """Tell what is wrong with the answers to the cases of a folder, and the counts; whether nothing is."""
    mismatches = 0
    seconds: list[float] = []
    for path, expected in read_cases(folder):
        document = path.read_bytes()
        began = perf_counter()
        got = outcome(transform, document)
        seconds.append(perf_counter() - began)
        if got != expected:
            mismatches += 1
            print(json.dumps({"case": str(path.relative_to(folder)), **told_apart(expected, got)}), file=told)
    counts = {"cases": len(seconds), "mismatches": mismatches, "median_seconds": median(seconds)}
    print(json.dumps(counts), file=told)
    return mismatches == 0


def read_cases(folder: Path) -> Iterator[tuple[Path, Answer]]:
    """The cases of a folder and all below it, each with the outcome that is right."""
    paths = [path for path in sorted(folder.rglob("*.json")) if not path.name.endswith(".out.json")]
    if not paths:
        sys.exit(f"{folder}: no case here; a case is NAME.json with NAME.out.json or NAME.pointer beside it")
    for path in paths:
        answer, pointer = path.with_suffix(".out.json"), path.with_suffix(".pointer")
        if answer.exists():
            yield path, ("ok", answer.read_bytes())
        elif pointer.exists():
            yield path, ("invalid", pointer.read_bytes().decode())
        elif path.parent.name == "malformed":
            yield path, ("malformed",)
        else:
            sys.exit(f"{path}: neither .out.json nor .pointer beside it, and its folder is not named malformed")


def told_apart(expected: Answer, got: Answer) -> dict[str, str]:
    """Two unlike outcomes in words; of two answers, from shortly before where they part."""
    parting = 0
    if expected[0] == got[0] == "ok":
        parting = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(expected[1], got[1], strict=False)))
    return {"expected": worded(expected, parting), "got": worded(got, parting)}


def worded(said: Answer, at: int) -> str:
    """An outcome as one short line; an answer from a little before byte `at`."""
    kind, *news = said
    if kind != "ok":
        return " ".join([kind, *news])
    begin = max(0, at - 20)
    return f"{len(news[0])} bytes, from byte {begin} {news[0][begin : begin + 60]!r}"


def main() -> None:
    """Run as a script, from the prefix whose core is meant."""
    parser = argparse.ArgumentParser(description="Ask a core of this interpreter.")
    parser.add_argument("--core", help="dotted name; without it, the one that the prefix was built for")
    parser.add_argument("--cases", type=Path, help="folder laid out like spec/golden; without it, stdin is read")
    args = parser.parse_args()
    told, sys.stdout = sys.stdout, sys.stderr  # what a core prints is none of what is told here
    core = load_core(args.core) if args.core else built_core()
    if args.cases is None:
        serve(core.transform, sys.stdin.buffer, told.buffer)
    elif not check(core.transform, args.cases, told):
        sys.exit(1)


if __name__ == "__main__":
    main()

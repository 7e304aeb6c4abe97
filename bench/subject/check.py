"""Check a core inside the measured interpreter, with the cases of a folder or with documents from stdin.

With `--cases FOLDER`: check all cases of a folder in the layout of spec/golden. NAME.json is a case. NAME.out.json is
its right answer, or NAME.pointer points to its first violation; a case without either is malformed if its folder is
named `malformed`. stdout receives a JSON line for each mismatch, {"case", "expected", "got"}, and a final line
{"cases", "mismatches", "median_seconds"}. The exit status is 1 if there is any mismatch.

Without `--cases`: read documents from stdin until it ends, and write one outcome for each to stdout. A document is its
length (4 bytes, big-endian) and its bytes. An outcome is a JSON line such as ["invalid", "/orders/0/id"]; an answer is
["ok", LENGTH], followed by LENGTH bytes.
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

# ("ok", answer), ("malformed",) or ("invalid", pointer); a faulty core also ("raised", error) or ("returned", type)
Outcome = tuple[Any, ...]


def outcome(transform: Callable[[bytes], bytes], document: bytes) -> Outcome:
    """Return the outcome of a document."""
    try:
        answer: object = transform(document)
        return ("ok", answer) if isinstance(answer, bytes) else ("returned", type(answer).__name__)
    except MalformedDocument:
        return ("malformed",)
    except InvalidDocument as error:
        return ("invalid", error.pointer)
    except Exception as error:  # noqa: BLE001, any other exception is a wrong outcome
        return ("raised", repr(error))


def serve(transform: Callable[[bytes], bytes], documents: BinaryIO, outcomes: BinaryIO) -> None:
    """Write the outcome of each document of a pipe."""
    while length := documents.read(4):
        found = outcome(transform, documents.read(int.from_bytes(length, "big")))
        answer = found[1] if found[0] == "ok" else b""
        line = ["ok", len(answer)] if found[0] == "ok" else found
        outcomes.write(json.dumps(line).encode() + b"\n" + answer)
        outcomes.flush()


def check(transform: Callable[[bytes], bytes], folder: Path, report: TextIO) -> bool:
    """Check the cases of a folder, and write mismatches and counts to `report`. Returns True without mismatches."""
    mismatches = 0
    seconds: list[float] = []
    for path, expected in read_cases(folder):
        document = path.read_bytes()
        began = perf_counter()
        got = outcome(transform, document)
        seconds.append(perf_counter() - began)
        if got != expected:
            mismatches += 1
            print(json.dumps({"case": str(path.relative_to(folder)), **difference(expected, got)}), file=report)
    counts = {"cases": len(seconds), "mismatches": mismatches, "median_seconds": median(seconds)}
    print(json.dumps(counts), file=report)
    return mismatches == 0


def read_cases(folder: Path) -> Iterator[tuple[Path, Outcome]]:
    """Yield the cases of a folder and its subfolders, each with its right outcome."""
    paths = [path for path in sorted(folder.rglob("*.json")) if not path.name.endswith(".out.json")]
    if not paths:
        sys.exit(f"{folder}: no cases: a case is NAME.json with NAME.out.json or NAME.pointer beside it")
    for path in paths:
        answer, pointer = path.with_suffix(".out.json"), path.with_suffix(".pointer")
        if answer.exists():
            yield path, ("ok", answer.read_bytes())
        elif pointer.exists():
            yield path, ("invalid", pointer.read_bytes().decode())
        elif path.parent.name == "malformed":
            yield path, ("malformed",)
        else:
            sys.exit(f"{path}: no .out.json or .pointer beside it (allowed only in a folder named malformed)")


def difference(expected: Outcome, got: Outcome) -> dict[str, str]:
    """Describe two different outcomes; two answers from shortly before their first difference."""
    first = 0
    if expected[0] == got[0] == "ok":
        first = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(expected[1], got[1], strict=False)))
    return {"expected": describe(expected, first), "got": describe(got, first)}


def describe(found: Outcome, at: int) -> str:
    """Return an outcome as one short line; an answer from shortly before the byte `at`."""
    kind, *details = found
    if kind != "ok":
        return " ".join([kind, *details])
    begin = max(0, at - 20)
    return f"{len(details[0])} bytes, from byte {begin} {details[0][begin : begin + 60]!r}"


def main() -> None:
    """Run as a script by the interpreter of the prefix whose core is checked."""
    parser = argparse.ArgumentParser(description="Check a core of this interpreter.")
    parser.add_argument("--core", help="dotted name of the core (default: the core of this prefix)")
    parser.add_argument("--cases", type=Path, help="folder in the layout of spec/golden (default: read stdin)")
    args = parser.parse_args()
    report, sys.stdout = sys.stdout, sys.stderr  # output of the core itself must not mix with the report
    core = load_core(args.core) if args.core else built_core()
    if args.cases is None:
        serve(core.transform, sys.stdin.buffer, report.buffer)
    elif not check(core.transform, args.cases, report):
        sys.exit(1)


if __name__ == "__main__":
    main()

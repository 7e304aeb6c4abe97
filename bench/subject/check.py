"""Check a core inside the measured interpreter, with the cases of a folder or with documents from stdin.

With `--cases FOLDER`: check all cases of a folder in the layout of spec/golden. NAME.json is a case. NAME.out.json is
its right answer, or NAME.pointer points to its first violation; a case without either is malformed if its folder is
named `malformed`. stdout receives a JSON line for each mismatch, {"case", "expected", "got"}, and a final line
{"cases", "mismatches", "median_seconds"}. The exit status is 1 if there is any mismatch.

With `--departures CASE ...`, such as `invalid/id-float`, the core is a validator: its `transform` returns anything for
a document that it accepts, and raises one of its `REFUSALS` for another. It must accept the cases with an answer and
refuse the others, except that it must judge each of those CASEs wrongly.

Without `--cases`: read documents from stdin until it ends, and write one outcome for each to stdout. A document is its
length (4 bytes, big-endian) and its bytes. An outcome is a JSON line such as ["invalid", "/orders/0/id"]; an answer is
["ok", LENGTH], followed by LENGTH bytes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, BinaryIO, TextIO

from app.about import built_core
from app.contract import Core, load_core
from app.core import InvalidDocument, MalformedDocument

# ("ok", answer), ("malformed",) or ("invalid", pointer); a faulty core also ("raised", error) or ("returned", type).
# Of a validator: ("accepted",) or ("refused",), or ("raised", error), for which a service would answer 500.
Outcome = tuple[Any, ...]
Cases = Iterable[tuple[Path, Outcome]]  # each with its right outcome
ACCEPTED, REFUSED = ("accepted",), ("refused",)


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


def verdict(validator: Core, document: bytes) -> Outcome:
    """Return the verdict of a validator on a document."""
    try:
        validator.transform(document)
    except validator.module.REFUSALS:
        return REFUSED
    except Exception as error:  # noqa: BLE001, any other exception is a wrong outcome
        return ("raised", repr(error))
    return ACCEPTED


def serve(transform: Callable[[bytes], bytes], documents: BinaryIO, outcomes: BinaryIO) -> None:
    """Write the outcome of each document of a pipe."""
    while length := documents.read(4):
        found = outcome(transform, documents.read(int.from_bytes(length, "big")))
        answer = found[1] if found[0] == "ok" else b""
        line = ["ok", len(answer)] if found[0] == "ok" else found
        outcomes.write(json.dumps(line).encode() + b"\n" + answer)
        outcomes.flush()


def check(judge: Callable[[bytes], Outcome], cases: Cases, folder: Path, report: TextIO) -> bool:
    """Check the cases of a folder, and write mismatches and counts to `report`. Returns True without mismatches."""
    mismatches = 0
    seconds: list[float] = []
    for path, expected in cases:
        document = path.read_bytes()
        began = perf_counter()
        got = judge(document)
        seconds.append(perf_counter() - began)
        if got != expected:
            mismatches += 1
            print(json.dumps({"case": str(path.relative_to(folder)), **difference(expected, got)}), file=report)
    counts = {"cases": len(seconds), "mismatches": mismatches, "median_seconds": median(seconds)}
    print(json.dumps(counts), file=report)
    return mismatches == 0


def read_verdicts(folder: Path, departures: Collection[str]) -> Iterator[tuple[Path, Outcome]]:
    """Yield the cases of a folder and its subfolders, each with the verdict that a validator must reach."""
    left = set(departures)
    for path, expected in read_cases(folder):
        case = str(path.relative_to(folder).with_suffix(""))
        is_accepted = (expected[0] == "ok") != (case in left)
        left.discard(case)
        yield path, ACCEPTED if is_accepted else REFUSED
    if left:
        sys.exit(f"departures that name no case: {', '.join(sorted(left))}")


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
    parser.add_argument("--departures", nargs="*", help="the core is a validator that judges these cases wrongly")
    args = parser.parse_args()
    report, sys.stdout = sys.stdout, sys.stderr  # output of the core itself must not mix with the report
    core = load_core(args.core) if args.core else built_core()
    if args.cases is None:
        serve(core.transform, sys.stdin.buffer, report.buffer)
        return
    judge, cases = partial(outcome, core.transform), read_cases(args.cases)
    if args.departures is not None:
        judge, cases = partial(verdict, core), read_verdicts(args.cases, args.departures)
    if not check(judge, cases, args.cases, report):
        sys.exit(1)


if __name__ == "__main__":
    main()

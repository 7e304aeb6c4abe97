"""Passes over documents for callgrind, run by the measured interpreter itself.

Instrumentation begins after start-up and one right answer. The first instrumented pass is not counted; each further
pass is dumped separately. The provenance goes to stdout as JSON. Without callgrind everything is the same, except that
the switch does nothing.
"""

import argparse
import ctypes
import json
import sys
from collections.abc import Callable
from pathlib import Path

from app.about import about, built_core


def whole_pass(transform: Callable[[bytes], bytes], documents: list[bytes]) -> None:
    """Transform each document once."""
    for document in documents:
        transform(document)


def main() -> None:
    """Run the passes that the command line asks for."""
    parser = argparse.ArgumentParser(description="Count a core's instructions under callgrind.")
    parser.add_argument("--switch", required=True, help="the shared library compiled from callgrind.c")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--documents", required=True, type=int, help="number of documents, from the folder's first")
    parser.add_argument("--passes", required=True, type=int)
    parser.add_argument("--unanswered", action="store_true", help="do not check the first answer")
    args = parser.parse_args()
    paths = sorted(path for path in args.folder.glob("*.json") if not path.name.endswith(".out.json"))
    paths = paths[: args.documents]
    documents = [path.read_bytes() for path in paths]
    core, switch = built_core(), ctypes.CDLL(args.switch)
    right = core.transform(documents[0]) == paths[0].with_suffix(".out.json").read_bytes()
    if not right and not args.unanswered:
        sys.exit(f"wrong answer to {paths[0].name}")
    switch.begin()
    whole_pass(core.transform, documents)
    for _ in range(args.passes):
        switch.zero()
        whole_pass(core.transform, documents)
        switch.dump()
    switch.end()
    print(json.dumps(about(core)))


if __name__ == "__main__":
    main()

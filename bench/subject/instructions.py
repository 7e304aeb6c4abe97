"""Passes over documents for callgrind, run by the measured interpreter itself.

Instrumentation begins after start-up and one answer, which has to be right; one pass is made with it and not counted,
and each further one is dumped by itself. What the process says of itself goes to stdout, as JSON. Outside of callgrind
the switch does nothing, and all else is the same.
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
    parser.add_argument("--switch", required=True, help="the shared library made of callgrind.c")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--documents", required=True, type=int, help="how many of the folder, from its first")
    parser.add_argument("--passes", required=True, type=int)
    parser.add_argument("--unanswered", action="store_true", help="there is no answer to be right")
    args = parser.parse_args()
    paths = sorted(path for path in args.folder.glob("*.json") if not path.name.endswith(".out.json"))
    paths = paths[: args.documents]
    documents = [path.read_bytes() for path in paths]
    core, switch = built_core(), ctypes.CDLL(args.switch)
    right = core.transform(documents[0]) == paths[0].with_suffix(".out.json").read_bytes()
    if not right and not args.unanswered:
        sys.exit(f"the answer to {paths[0].name} is wrong")
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

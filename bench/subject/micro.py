"""The pyperf benchmark of a core, run by the measured interpreter itself.

One loop is one whole pass over the documents of a folder, each a distinct one; a value is seconds per document. The
first answers are compared with the expected ones, so that a core which is wrong gets no figure.

`--slower PERCENT` makes a difference of known size: so many of a hundred documents are done twice and counted once.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pyperf

from app.about import about, built_core


def time_passes(loops: int, transform: Callable[[bytes], bytes], documents: list[bytes]) -> float:
    """Seconds that `loops` passes over `documents` take."""
    began = perf_counter()
    for _ in range(loops):
        for document in documents:
            transform(document)
    return perf_counter() - began


def again(documents: list[bytes], percent: int) -> list[bytes]:
    """So many percent of the documents, taken from all over, to be done at the end of a pass."""
    count, rest = divmod(len(documents) * percent, 100)
    if rest:
        sys.exit(f"--slower {percent}: of {len(documents)} documents that is no whole number")
    return [documents[index * len(documents) // count] for index in range(count)]


def main() -> None:
    """Run the benchmark `--name` over the folder `--documents`."""
    runner = pyperf.Runner(add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--name", required=True)
    runner.argparser.add_argument("--documents", required=True, type=Path)
    runner.argparser.add_argument("--unanswered", action="store_true", help="there is no answer to be right")
    runner.argparser.add_argument("--slower", default=0, type=int, metavar="PERCENT")
    args = runner.parse_args()
    if not args.worker:
        runner.bench_time_func(args.name, time_passes)
        return
    paths = sorted(path for path in args.documents.glob("*.json") if not path.name.endswith(".out.json"))
    documents = [path.read_bytes() for path in paths]
    core = built_core()
    began = perf_counter()
    first = core.transform(documents[0])
    runner.metadata["first_seconds"] = perf_counter() - began
    if not args.unanswered and first != paths[0].with_suffix(".out.json").read_bytes():
        sys.exit(f"{args.name}: the answer to {paths[0].name} is wrong")
    del first  # a parser with room for one result could not go on
    runner.metadata["documents"] = len(documents)
    runner.metadata["about"] = json.dumps(about(core))
    done = documents + again(documents, args.slower)
    runner.bench_time_func(args.name, time_passes, core.transform, done, inner_loops=len(documents))


def _pass_on(command: list[str], args: Namespace) -> None:
    command += ["--name", args.name, "--documents", str(args.documents), "--slower", str(args.slower)]
    command += ["--unanswered"] if args.unanswered else []


if __name__ == "__main__":
    main()

"""The pyperf benchmark of a core, run by the measured interpreter itself.

One loop is one whole pass over the documents of a folder, each a distinct one; a value is seconds per document. The
first answers are compared with the expected ones, so that a core which is wrong gets no figure.

Once the timing is over, bytes come that the core has not seen: the documents again as batches of other names or, of
other documents than the lab's own, those that are `--held-out`. What that shows is told.

`--threads N` makes each pass in N threads at once; a value is then seconds of all per document of all.
`--slower PERCENT` makes a difference of known size: so many of a hundred documents are done twice and counted once.
"""

import gc
import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from time import CLOCK_BOOTTIME, clock_gettime, perf_counter
from typing import Any

import pyperf

from app.about import about, built_core

PROOF_SECONDS = 0.3
BATCH = re.compile(rb'"batch"\s*:\s*"')  # no text within a string reads like that: its quotes are escaped
LEAST_CALLS = 4
LEAST_UNSEEN = 5  # the middle one of fewer calls may be a stall's


def time_passes(loops: int, transform: Callable[[bytes], bytes], documents: list[bytes]) -> float:
    """Seconds that `loops` passes over `documents` take."""
    began = perf_counter()
    for _ in range(loops):
        for document in documents:
            transform(document)
    return perf_counter() - began


def time_threads(threads: int, loops: int, transform: Callable[[bytes], bytes], documents: list[bytes]) -> float:
    """Seconds until each of `threads` has made `loops` passes over `documents`, from when all of them were there."""
    ready = Barrier(threads + 1)

    def work(start: int) -> None:
        own = documents[start:] + documents[:start]  # no two at the same document
        ready.wait()
        time_passes(loops, transform, own)

    workers = [Thread(target=work, args=(index * len(documents) // threads,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = perf_counter()
    for worker in workers:
        worker.join()
    return perf_counter() - began


def age_seconds() -> float:
    """How long ago this process began, to a hundredth of a second."""
    began = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    return clock_gettime(CLOCK_BOOTTIME) - int(began) / os.sysconf("SC_CLK_TCK")


def again(documents: list[bytes], percent: int) -> list[bytes]:
    """So many percent of the documents, taken from all over, to be done at the end of a pass."""
    count, rest = divmod(len(documents) * percent, 100)
    if rest:
        sys.exit(f"--slower {percent}: of {len(documents)} documents that is no whole number")
    return [documents[index * len(documents) // count] for index in range(count)]


def resident_bytes() -> int:
    """The memory that this process holds, once what is garbage is gone."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def unseen(text: bytes, number: int) -> bytes:
    """A document or its answer with that number before the batch's name: spelled as before, and seen by nobody."""
    return BATCH.sub(rb"\g<0>%d-" % number, text)


def proof(transform: Callable[[bytes], bytes], documents: list[Path], *, held_out: bool = False) -> dict[str, Any]:
    """Call a core for `PROOF_SECONDS` on what it has not seen: those documents as batches of other names.

    If they were `held_out` they are sent as they are, and seen from their second round on.

    Told are the first document that was answered wrong, how many seconds a call took in the middle (of the unseen, and
    of the seen if there are enough) and in the slowest hundredth, and how many bytes the process grew by in the second
    half of the calls.
    """
    known = [(path.name, path.read_bytes(), path.with_suffix(".out.json").read_bytes()) for path in documents]
    least_calls = 2 * len(known) if held_out else LEAST_CALLS
    seconds: list[float] = []
    half = 0
    wrong = None
    began = perf_counter()
    while (so_far := perf_counter() - began) < PROOF_SECONDS or len(seconds) < least_calls:
        if not half and so_far > PROOF_SECONDS / 2:
            half, before = len(seconds), resident_bytes()
        rounds, index = divmod(len(seconds), len(known))
        name, document, answer = known[index]
        fresh, right = (document, answer) if held_out else (unseen(document, rounds), unseen(answer, rounds))
        called = perf_counter()
        got = transform(fresh)
        seconds.append(perf_counter() - called)
        if got != right:
            wrong = name
            break
    grown = resident_bytes() - before if half else 0
    first, later = (seconds[: len(known)], seconds[len(known) :]) if held_out else (seconds, [])
    slowest = sorted(seconds)
    slowest = slowest[-(-len(seconds) * 99 // 100) - (len(seconds) < 100) :]
    return {
        "wrong": wrong,
        "calls": len(seconds),
        "median_seconds": middle(first),
        "seen_seconds": middle(later) if later and len(first) >= LEAST_UNSEEN else None,
        "slowest_seconds": sum(slowest) / len(slowest),
        "grown_bytes": grown,
        "grown_calls": len(seconds) - half,
    }


def middle(seconds: list[float]) -> float:
    """The middle one, the upper of two."""
    return sorted(seconds)[len(seconds) // 2]


def inputs(folder: Path) -> list[Path]:
    """The documents of a folder, in order."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(".out.json"))


def main() -> None:
    """Run the benchmark `--name` over the folder `--documents`."""
    runner = pyperf.Runner(add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--name", required=True)
    runner.argparser.add_argument("--documents", required=True, type=Path)
    runner.argparser.add_argument("--unanswered", action="store_true", help="there is no answer to be right")
    runner.argparser.add_argument("--held-out", type=Path, help="a folder of documents that are not timed")
    runner.argparser.add_argument("--threads", default=1, type=int)
    runner.argparser.add_argument(
        "--last-words", required=True, type=Path, help="where to write what the process says at its end"
    )
    runner.argparser.add_argument("--slower", default=0, type=int, metavar="PERCENT")
    args = runner.parse_args()
    if not args.worker:
        runner.bench_time_func(args.name, time_passes)
        return
    paths = inputs(args.documents)
    documents = [path.read_bytes() for path in paths]
    core = built_core()
    began = perf_counter()
    first = core.transform(documents[0])
    runner.metadata["first_seconds"] = perf_counter() - began
    runner.metadata["ready_seconds"] = age_seconds()
    if not args.unanswered and first != paths[0].with_suffix(".out.json").read_bytes():
        sys.exit(f"{args.name}: the answer to {paths[0].name} is wrong")
    del first  # a parser with room for one result could not go on
    runner.metadata["documents"] = len(documents)
    runner.metadata["mean_bytes"] = sum(map(len, documents)) / len(documents)
    runner.metadata["about"] = json.dumps(about(core))
    done = documents + again(documents, args.slower)
    timed = partial(time_threads, args.threads) if args.threads > 1 else time_passes
    runner.bench_time_func(args.name, timed, core.transform, done, inner_loops=args.threads * len(documents))
    shown = None
    if args.held_out:
        shown = proof(core.transform, inputs(args.held_out), held_out=True)
    elif not args.unanswered:
        shown = proof(core.transform, paths)
    last_words = {"about": about(core), "proof": shown}
    args.last_words.write_text(json.dumps(last_words), encoding="utf-8")


def _pass_on(command: list[str], args: Namespace) -> None:
    command += ["--name", args.name, "--documents", str(args.documents), "--slower", str(args.slower)]
    command += ["--threads", str(args.threads), "--last-words", str(args.last_words)]
    command += ["--unanswered"] if args.unanswered else []
    command += ["--held-out", str(args.held_out)] if args.held_out else []


if __name__ == "__main__":
    main()

"""The pyperf benchmark of a core, run by the measured interpreter itself.

One loop is one pass over all documents of a folder, which are distinct. A value is in seconds per document. The first
answer is compared to the right one, so that a wrong core is not timed.

After the timing the core receives documents that it has not seen: the same documents with other batch names, or the
`--held-out` ones if the lab did not make the documents. The final report has the result of that check.

`--threads N` runs each pass in N threads at once. A value is then the elapsed time divided by all their documents.
`--caller SCRIPT` times the function that the script's `caller(REQUEST)` returns instead of the core. Each document is
answered once, and its answer compared, before the timing.

`--slower PERCENT` creates a difference of known size: that share of the documents is transformed twice, counted once.
"""

import gc
import json
import os
import re
import runpy
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
BATCH = re.compile(rb'"batch"\s*:\s*"')  # cannot match within a string, where quotes are escaped
LEAST_CALLS = 4
LEAST_UNSEEN = 5  # with fewer calls the median may be a stall


def time_passes(loops: int, transform: Callable[[bytes], bytes], documents: list[bytes]) -> float:
    """Return the seconds of `loops` passes over `documents`."""
    began = perf_counter()
    for _ in range(loops):
        for document in documents:
            transform(document)
    return perf_counter() - began


def time_threads(threads: int, loops: int, transform: Callable[[bytes], bytes], documents: list[bytes]) -> float:
    """Return the seconds in which all `threads` make `loops` passes each, from the moment when all are ready."""
    ready = Barrier(threads + 1)

    def work(start: int) -> None:
        own = documents[start:] + documents[:start]  # each thread begins with another document
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
    """Return the age of this process, with a resolution of 0.01 s."""
    began = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    return clock_gettime(CLOCK_BOOTTIME) - int(began) / os.sysconf("SC_CLK_TCK")


def repeats(documents: list[bytes], percent: int) -> list[bytes]:
    """Return an evenly spread share of the documents, to be transformed again at the end of a pass."""
    count, rest = divmod(len(documents) * percent, 100)
    if rest:
        sys.exit(f"--slower {percent}: {percent} % of {len(documents)} documents is not a whole number")
    return [documents[index * len(documents) // count] for index in range(count)]


def resident_bytes() -> int:
    """Return the resident memory of this process after a garbage collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def unseen(text: bytes, number: int) -> bytes:
    """Return a document, or its answer, with `number` inserted before the name of its batch."""
    return BATCH.sub(rb"\g<0>%d-" % number, text)


def proof(transform: Callable[[bytes], bytes], documents: list[Path], *, held_out: bool = False) -> dict[str, Any]:
    """Call a core for `PROOF_SECONDS` with unseen documents: `documents` with other batch names in each round.

    Documents that are `held_out` are sent unchanged, and count as seen from the second round on.

    Returned are: `wrong`: name of the first document with a wrong answer, or None. `calls`: their number.
    `median_seconds`: of calls with unseen documents. `seen_seconds`: median of calls with seen documents, or None with
    fewer than `LEAST_UNSEEN` unseen ones. `slowest_seconds`: mean of the slowest 1 % of the calls. `grown_bytes`:
    growth of resident memory over the last `grown_calls` calls, which are those of the second half of the time.
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
        call_began = perf_counter()
        got = transform(fresh)
        seconds.append(perf_counter() - call_began)
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
        "median_seconds": upper_median(first),
        "seen_seconds": upper_median(later) if later and len(first) >= LEAST_UNSEEN else None,
        "slowest_seconds": sum(slowest) / len(slowest),
        "grown_bytes": grown,
        "grown_calls": len(seconds) - half,
    }


def upper_median(seconds: list[float]) -> float:
    """Return the median, or the upper one of two middle values."""
    return sorted(seconds)[len(seconds) // 2]


def inputs(folder: Path) -> list[Path]:
    """Return the sorted documents of a folder."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(".out.json"))


def main() -> None:
    """Run the benchmark `--name` over the folder `--documents`."""
    runner = pyperf.Runner(add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--name", required=True)
    runner.argparser.add_argument("--documents", required=True, type=Path)
    runner.argparser.add_argument("--unanswered", action="store_true", help="do not check answers")
    runner.argparser.add_argument("--held-out", type=Path, help="folder of documents that are not timed")
    runner.argparser.add_argument("--threads", default=1, type=int)
    runner.argparser.add_argument("--caller", type=Path, help="script with a function `caller`")
    runner.argparser.add_argument("--request", default="", help="what the caller is given")
    runner.argparser.add_argument("--final-report", required=True, type=Path, help="file to write at the end")
    runner.argparser.add_argument("--slower", default=0, type=int, metavar="PERCENT")
    args = runner.parse_args()
    if not args.worker:
        runner.bench_time_func(args.name, time_passes)
        return
    paths = inputs(args.documents)
    documents = [path.read_bytes() for path in paths]
    core = built_core()
    transform, timed = core.transform, partial(time_threads, args.threads) if args.threads > 1 else time_passes
    if args.caller:
        transform, own_timed = runpy.run_path(str(args.caller))["caller"](args.request)
        timed = own_timed or timed
    began = perf_counter()
    first = transform(documents[0])
    runner.metadata["first_seconds"] = perf_counter() - began
    runner.metadata["ready_seconds"] = age_seconds()
    if not args.unanswered and first != paths[0].with_suffix(".out.json").read_bytes():
        sys.exit(f"{args.name}: wrong answer to {paths[0].name}")
    for path, document in zip(paths[1:], documents[1:], strict=True) if args.caller else ():
        if transform(document) != path.with_suffix(".out.json").read_bytes():
            sys.exit(f"{args.name}: wrong answer to {path.name}")
    del first  # a parser that can hold only one result could not continue
    runner.metadata["documents"] = len(documents)
    runner.metadata["mean_bytes"] = sum(map(len, documents)) / len(documents)
    runner.metadata["about"] = json.dumps(about(core))
    one_pass = documents + repeats(documents, args.slower)
    runner.bench_time_func(args.name, timed, transform, one_pass, inner_loops=args.threads * len(documents))
    proven = None
    if args.held_out:
        proven = proof(transform, inputs(args.held_out), held_out=True)
    elif not args.unanswered:
        proven = proof(transform, paths)
    args.final_report.write_text(json.dumps({"about": about(core), "proof": proven}), encoding="utf-8")


def _pass_on(command: list[str], args: Namespace) -> None:
    command += ["--name", args.name, "--documents", str(args.documents), "--slower", str(args.slower)]
    command += ["--threads", str(args.threads), "--final-report", str(args.final_report)]
    command += ["--unanswered"] if args.unanswered else []
    command += ["--held-out", str(args.held_out)] if args.held_out else []
    command += ["--caller", str(args.caller), "--request", args.request] if args.caller else []


if __name__ == "__main__":
    main()

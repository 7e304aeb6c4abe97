"""`python -m tests.fuzz`: documents by the million to the Cython core under sanitizers; counts, and what was found.

A finding ends its process and is kept in `tests/data/fuzz`, where the ordinary tests put it to every core.
Exit status: 0 nothing found; 1 a finding or too few documents that the core answered itself; 2 set-up; 130 interrupted.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.errors import LabError
from bench.paths import ROOT
from tests.fuzz import LEAST_ANSWERED
from tests.fuzz.build import BUILT, HOST, build

FINDINGS = ROOT / "tests" / "data" / "fuzz"
GOLDEN = [str(ROOT / "spec" / "golden" / kind) for kind in ("valid", "invalid", "malformed")]
SHARES = {2048: 0.98, 70_000: 0.02}  # of the executions, by the most bytes of a document
SAY_EVERY_SECONDS = 15.0
HANG_SECONDS = 120.0  # a report comes every second or two
# What tells in a process' words why it ended: a difference or a sanitizer; one that hangs says nothing.
REASON = re.compile(
    r"^(AssertionError: .*|.*ERROR: (?!libFuzzer: deadly).*|.*runtime error: .*|.*Error: .*)$", re.MULTILINE
)


class Interrupted(Exception):  # noqa: N818 - it is no error
    """By Ctrl-C; `found` is what was found till then."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found


class Worker(NamedTuple):
    """A fuzzing process, the folder of its corpus, and the files in which it counts and complains."""

    process: subprocess.Popen[bytes]
    counts: Path
    log: Path


def start(folder: Path, executions: int, longest: int, seed: int, findings: Path = FINDINGS) -> Worker:
    """Begin so many executions on documents of at most `longest` bytes."""
    (folder / "corpus").mkdir(parents=True)
    findings.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={executions}", f"-max_len={longest}", f"-seed={seed}", "-detect_leaks=0"]
    limits += ["-timeout=1000000", "-report_slow_units=1000000"]  # of a clock that goes on while a process is suspended
    pace = ["-reduce_inputs=0", "-entropic=0"]  # both cost more than they bring where a grammar does the mutating
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [HOST, *limits, *pace, f"-artifact_prefix={findings}/", folder / "corpus", findings, *GOLDEN],
            env=os.environ
            | {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16:malloc_context_size=0"}
            | {"PYTHONPATH": f"{BUILT}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1", "FUZZ_COUNTS": str(folder / "counts")},
            stdout=file,
            stderr=file,
            start_new_session=True,  # a Ctrl-C is for the one that counts; it ends the others
        )
    return Worker(process, folder / "counts", log)


def counted(folder: Path) -> dict[str, int]:
    """The sums of what the processes of a run in `folder` have counted so far."""
    sums: dict[str, int] = {}
    for counts in folder.glob("*/counts"):
        lines = counts.read_text(encoding="utf-8").splitlines()
        for name, count in json.loads(lines[-1]).items() if lines else ():
            sums[name] = sums.get(name, 0) + count
    return sums


def end_if_it_hangs(worker: Worker, seen: dict[int, tuple[int, float]]) -> None:
    """Abort a process that counted nothing more in `HANG_SECONDS` of CPU time; it then keeps its document.

    `seen` is what this knows from its last calls: by process, the bytes of its report and the CPU time then.
    """
    pid = worker.process.pid
    with suppress(psutil.NoSuchProcess):
        used = psutil.Process(pid).cpu_times().user
        size = worker.counts.stat().st_size if worker.counts.exists() else 0
        known, since = seen.setdefault(pid, (size, used))
        if size != known:
            seen[pid] = (size, used)
        elif used - since > HANG_SECONDS:
            worker.process.send_signal(signal.SIGABRT)
            seen[pid] = (size, float("inf"))


def finding(worker: Worker) -> str | None:
    """Why a process that has ended ended, unless it did all it should."""
    if worker.process.returncode == 0:
        return None
    said = worker.log.read_text(encoding="utf-8", errors="replace")
    reason = REASON.search(said)
    kept = re.search(r"Test unit written to (\S+)", said)
    told = reason[0][:600] if reason else f"hung, or was ended: status {worker.process.returncode}, see {worker.log}"
    return f"{told}\n  kept in {kept[1]}" if kept else told


def fuzz(executions: int, seed: int, folder: Path, findings: Path = FINDINGS) -> tuple[dict[str, int], list[str]]:
    """Run on every processor; the counts, and what was found."""
    shutil.rmtree(folder, ignore_errors=True)
    began = said = time.monotonic()
    workers: list[Worker] = []
    hanging: dict[int, tuple[int, float]] = {}
    processors = len(os.sched_getaffinity(0))
    for longest, share in SHARES.items():
        each = int(executions * share / processors) + 1
        seeds = range(seed, seed + processors)
        round_ = [start(folder / f"{longest}-{one}", each, longest, one, findings) for one in seeds]
        workers += round_
        try:
            while any(worker.process.poll() is None for worker in round_):
                time.sleep(0.5)
                for worker in round_:
                    end_if_it_hangs(worker, hanging)
                if time.monotonic() - said > SAY_EVERY_SECONDS:
                    said = time.monotonic()
                    tell_progress(counted(folder).get("executions", 0), executions, said - began)
        except KeyboardInterrupt:
            running = [worker for worker in round_ if worker.process.poll() is None]
            for worker in running:
                worker.process.kill()
                worker.process.wait()
            ended = [worker for worker in workers if worker not in running]
            raise Interrupted([told for worker in ended if (told := finding(worker)) is not None]) from None
        if any(worker.process.returncode for worker in round_):
            break
    return counted(folder), list(dict.fromkeys(told for worker in workers if (told := finding(worker)) is not None))


def tell_progress(done: int, executions: int, seconds: float) -> None:
    """A line now and then, with an estimate from the pace so far."""
    left = seconds / done * (executions - done) / 60 if done else float("nan")
    print(f"{done:>12,} of {executions:,}, {left:.0f} min left", file=sys.stderr, flush=True)


def tell(counts: dict[str, int], found: list[str], seconds: float) -> None:
    """The counts; none where no process has told of any yet."""
    if not counts:
        return
    judged = sum(counts[name] for name in ("malformed", "invalid", "valid_after_all"))
    print(
        f"{counts['executions']:,} documents in {seconds:.0f} s, {counts['bytes'] / 1e9:.1f} GB; each put to every path"
    )
    print(f"{counts['answered']:,} answered by every path ({counts['answered'] / counts['executions']:.0%})")
    print(f"{counts['partly']:,} answered by some path, and handed over by another")
    print(f"{counts['compared']:,} answers compared with the reference")
    print(f"{counts['handed_over']:,} handed over; of {judged:,} of these, judged by the reference:")
    for name, told in (("malformed", "malformed"), ("invalid", "invalid"), ("valid_after_all", "valid after all")):
        print(f"  {counts[name]:,} {told}")
    print(f"{len(found)} findings: differences, sanitizer reports, hangs")
    for each in found:
        print(f"- {each}")


def main() -> int:
    """Build, run, tell."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--executions", type=int, default=20_000_000)
    options.add_argument("--seed", type=int, default=1, help="of the first process; the others count on from it")
    given = options.parse_args()
    began = time.monotonic()
    try:
        build()
    except LabError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    try:
        counts, found = fuzz(given.executions, given.seed, BUILT / "run")
    except Interrupted as interrupted:
        print("fuzz: interrupted; till then:", file=sys.stderr)
        tell(counted(BUILT / "run"), interrupted.found, time.monotonic() - began)
        return 130
    if not counts:
        print(f"fuzz: no process began: {'; '.join(found)}", file=sys.stderr)
        return 2
    tell(counts, found, time.monotonic() - began)
    enough = counts["answered"] >= LEAST_ANSWERED * counts["executions"]
    if not enough:
        print(f"- fewer than {LEAST_ANSWERED:.0%} were answered: the mutator, or the core, is not what it was")
    return 0 if enough and not found else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.fuzz`: fuzz the Cython core under sanitizers, and print counts and findings.

A finding ends its process and is kept in `tests/data/fuzz`. The ordinary tests run it with every core.
Exit status: 0 without findings; 1 with findings or too few answered documents; 2 failed set-up; 130 interrupted.
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
SHARES = {2048: 0.98, 70_000: 0.02}  # of the executions, by maximum document size in bytes
PROGRESS_SECONDS = 15.0
HANG_SECONDS = 120.0  # a process reports every second or two
# The line of a process's output that says why it ended: a difference or a sanitizer report.
REASON = re.compile(
    r"^(AssertionError: .*|.*ERROR: (?!libFuzzer: deadly).*|.*runtime error: .*|.*Error: .*)$", re.MULTILINE
)


class Interrupted(Exception):  # noqa: N818 - not an error
    """Raised on Ctrl-C. `found`: the findings until then."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found


class Worker(NamedTuple):
    """A fuzzing process with the files of its counts and its output."""

    process: subprocess.Popen[bytes]
    counts: Path
    log: Path


def start(folder: Path, executions: int, longest: int, seed: int, findings: Path = FINDINGS) -> Worker:
    """Start a process that runs `executions` documents of at most `longest` bytes."""
    (folder / "corpus").mkdir(parents=True)
    findings.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={executions}", f"-max_len={longest}", f"-seed={seed}", "-detect_leaks=0"]
    limits += ["-timeout=1000000", "-report_slow_units=1000000"]  # their clock also runs while a process is suspended
    pace = ["-reduce_inputs=0", "-entropic=0"]  # with a grammar-based mutator both cost more than they gain
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [HOST, *limits, *pace, f"-artifact_prefix={findings}/", folder / "corpus", findings, *GOLDEN],
            env=os.environ
            | {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16:malloc_context_size=0"}
            | {"PYTHONPATH": f"{BUILT}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1", "FUZZ_COUNTS": str(folder / "counts")},
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C goes to the main process only, which then ends the others
        )
    return Worker(process, folder / "counts", log)


def counted(folder: Path) -> dict[str, int]:
    """Return the sums of the current counts of all processes of a run in `folder`."""
    sums: dict[str, int] = {}
    for counts in folder.glob("*/counts"):
        lines = counts.read_text(encoding="utf-8").splitlines()
        for name, count in json.loads(lines[-1]).items() if lines else ():
            sums[name] = sums.get(name, 0) + count
    return sums


def end_if_it_hangs(worker: Worker, seen: dict[int, tuple[int, float]]) -> None:
    """Abort a process whose counts have not changed for `HANG_SECONDS` of CPU time. It then keeps its document.

    `seen` is the state between calls: for each process the size of its counts file, and the CPU time at that size.
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
    """Return the reason why an ended process failed, or None if it succeeded."""
    if worker.process.returncode == 0:
        return None
    output = worker.log.read_text(encoding="utf-8", errors="replace")
    reason = REASON.search(output)
    kept = re.search(r"Test unit written to (\S+)", output)
    text = reason[0][:600] if reason else f"hung or killed: status {worker.process.returncode}; see {worker.log}"
    return f"{text}\n  kept in {kept[1]}" if kept else text


def fuzz(executions: int, seed: int, folder: Path, findings: Path = FINDINGS) -> tuple[dict[str, int], list[str]]:
    """Run one process per CPU. Returns the counts and the findings."""
    shutil.rmtree(folder, ignore_errors=True)
    began = last_progress = time.monotonic()
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
                if time.monotonic() - last_progress > PROGRESS_SECONDS:
                    last_progress = time.monotonic()
                    print_progress(counted(folder).get("executions", 0), executions, last_progress - began)
        except KeyboardInterrupt:
            running = [worker for worker in round_ if worker.process.poll() is None]
            for worker in running:
                worker.process.kill()
                worker.process.wait()
            ended = [worker for worker in workers if worker not in running]
            raise Interrupted([text for worker in ended if (text := finding(worker)) is not None]) from None
        if any(worker.process.returncode for worker in round_):
            break
    return counted(folder), list(dict.fromkeys(text for worker in workers if (text := finding(worker)) is not None))


def print_progress(done: int, executions: int, seconds: float) -> None:
    """Print a line of progress with the estimated remaining time."""
    left = seconds / done * (executions - done) / 60 if done else float("nan")
    print(f"{done:>12,} of {executions:,}, {left:.0f} min left", file=sys.stderr, flush=True)


def print_summary(counts: dict[str, int], found: list[str], seconds: float) -> None:
    """Print counts and findings, or nothing if there are no counts yet."""
    if not counts:
        return
    judged = sum(counts[name] for name in ("malformed", "invalid", "valid_after_all"))
    print(f"{counts['executions']:,} documents ({counts['bytes'] / 1e9:.1f} GB) in {seconds:.0f} s, each on every path")
    print(f"{counts['answered']:,} answered by every path ({100 * counts['answered'] / counts['executions']:.0f} %)")
    print(f"{counts['partly']:,} answered by some paths only")
    print(f"{counts['compared']:,} answers compared to the reference core")
    print(f"{counts['handed_over']:,} fallbacks to the reference core; a sample of {judged:,}:")
    for name in ("malformed", "invalid", "valid_after_all"):
        print(f"  {counts[name]:,} {name.removesuffix('_after_all')}")
    print(f"{len(found)} findings: differences, sanitizer reports, hangs")
    for each in found:
        print(f"- {each}")


def main() -> int:
    """Build, run and print the summary."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--executions", type=int, default=20_000_000)
    options.add_argument("--seed", type=int, default=1, help="seed of the first process; the next ones use SEED+1, …")
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
        print("fuzz: interrupted; results until then:", file=sys.stderr)
        print_summary(counted(BUILT / "run"), interrupted.found, time.monotonic() - began)
        return 130
    if not counts:
        print(f"fuzz: no process started: {'; '.join(found)}", file=sys.stderr)
        return 2
    print_summary(counts, found, time.monotonic() - began)
    enough = counts["answered"] >= LEAST_ANSWERED * counts["executions"]
    if not enough:
        print(f"- fewer than {100 * LEAST_ANSWERED:.0f} % of documents were answered: check the mutator and the core")
    return 0 if enough and not found else 1


if __name__ == "__main__":
    sys.exit(main())

"""The pacer, the lab's light load generator: closed loads for capacity, open loads for latency in microseconds.

On one core Gatling drives less than a fast stack serves, and its latencies are in milliseconds. The program in
`bench/pacer` sends each request when it is due, compares each answer byte for byte, waits for all answers, and writes
one record per request.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import numpy as np

from bench import documents as sets
from bench.errors import LabError
from bench.host.pinning import pinned
from bench.measure.instruments import injection, latency, paced, pacer_files, watched
from bench.measure.instruments.judging import judged
from bench.measure.instruments.paced import NS, PacerResult
from bench.measure.instruments.pacer_files import Job, PacerOutcome
from bench.model import Exchange, Load, Workload
from bench.paths import ROOT, TOOLS
from bench.provision import stamp, system

SOURCES = ROOT / "bench" / "pacer"
COMPILE = ("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror")
ANSWER_SECONDS = 60  # timeout of a request, as with Gatling
GRACE_SECONDS = 30.0
CONNECTIONS = 1000  # limit of an open load, below a server's backlog; further requests wait for a free connection
HISTOGRAM = ".hlog"


def program() -> Path:
    """Return the path of the compiled program."""
    return TOOLS / "pacer" / "pacer"


def provision() -> None:
    """Compile the program, unless that is done for the current source. Raises MissingError without a compiler."""
    sources = sorted(SOURCES.iterdir())
    made_of = stamp.of(*COMPILE, *sources)
    if stamp.is_current(program().parent, made_of):
        return
    system.require(("C compiler",))
    with stamp.rebuilding(program().parent, made_of):
        done = system.run([*COMPILE, "-o", str(program()), *(str(path) for path in sources if path.suffix == ".c")])
        if done.returncode != 0:
            raise LabError(f"bench/pacer does not compile: {done.stderr.strip()}")


def run(
    load: Load,
    workload: Workload,
    url: str,
    *,
    output: Path,
    cpus: frozenset[int],
    documents: Path | None = None,
    rate: float | None = None,
    seed: int = 0,
    same_answer: bool = False,
) -> PacerResult:
    """Drive `load` from `cpus` against the server at `url`; an open load at `rate` with arrival times from `seed`.

    `documents` is the set of documents that the workload posts. With `same_answer` the first document's answer is the
    right one for all documents. The file `output` receives the program's output; the latencies are written beside it
    as an HdrHistogram. Raises LabError if the program fails, if any request of a closed load is not answered right, or
    if no answer arrives within its window.
    """
    rotation = sets.exchanges(workload, documents and documents / "load")
    unseen = sets.exchanges(workload, documents / "unseen") if documents and not same_answer else []
    if same_answer:
        rotation = [msgspec.structs.replace(each, expect=rotation[0].expect) for each in rotation]
    is_open = load.model == "open"
    job = _open(load, rate, seed, rotation, unseen) if is_open else _closed(load, rotation, unseen)
    outcome, difference = judged(run_job(job, url, output, cpus), job.exchanges)
    if not is_open:
        return paced.read_closed(load, len(rotation), outcome, difference)
    result, histogram = paced.read_open(load, len(rotation), outcome, difference)
    seconds = result.ended - result.started
    latency.write_log(histogram, output.with_suffix(HISTOGRAM), result.started, seconds, "microseconds")
    return result


def run_job(job: Job, url: str, output: Path, cpus: frozenset[int]) -> PacerOutcome:
    """Run the program on `cpus`. Its job and outcome files are temporary files beside `output`."""
    address = urlsplit(url)
    files = output.with_suffix(".job"), output.with_suffix(".outcome")
    last = max(job.window, int(job.turns["due"][-1]))
    try:
        pacer_files.write_job(files[0], job, address.hostname or "", address.port or 80)
        argv = [str(program()), address.hostname or "", str(address.port or 80), *map(str, files)]
        timeout = (last + job.patience) / NS + GRACE_SECONDS
        watched.run_alone("the pacer", pinned(argv, cpus), output, timeout)
        return pacer_files.read_outcome(files[1])
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def _closed(load: Load, rotation: list[Exchange], unseen: list[Exchange]) -> Job:
    """Return the job of a closed load: users send the rotation, with unseen documents inserted evenly."""
    if load.users is None or load.seconds is None:
        raise LabError(f"closed load {load.name!r} requires users and seconds")
    window = round(load.seconds * NS)
    due = (np.arange(len(unseen)) + 0.5) * window / max(len(unseen), 1)
    return Job(
        exchanges=(*rotation, *unseen),
        turns=pacer_files.turns(0, injection.rotation([each.weight for each in rotation])),
        inserted=pacer_files.turns(due.astype(np.int64), np.arange(len(unseen)) + len(rotation)),
        connections=load.users,
        users=load.users,
        window=window,
        patience=round(ANSWER_SECONDS * NS),
    )


def _open(load: Load, rate: float | None, seed: int, rotation: list[Exchange], unseen: list[Exchange]) -> Job:
    """Return the job of an open load: a due time per request, with unseen documents spread evenly after the lead-in."""
    if rate is None:
        raise LabError(f"open load {load.name!r} requires a rate")
    due = np.round(injection.arrivals(load, rate, seed) * NS).astype(np.int64)
    order = np.resize(injection.rotation([each.weight for each in rotation]), len(due))
    first = int(np.searchsorted(due, load.lead_in_seconds * NS))
    places = np.unique(np.linspace(first, len(due), len(unseen), endpoint=False).astype(np.int64))
    order[places] = len(rotation) + np.arange(len(places))
    return Job(
        exchanges=(*rotation, *unseen),
        turns=pacer_files.turns(due, order),
        connections=CONNECTIONS,
        patience=round(ANSWER_SECONDS * NS),
    )

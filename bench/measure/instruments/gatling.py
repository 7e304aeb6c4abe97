"""Gatling: one load against a server that runs, read from its log into figures.

A run begins with a lead-in under a request name of its own, kept in the log and in the series, counted nowhere else.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from bench.errors import LabError
from bench.host.pinning import pinned
from bench.measure.instruments import gatling_setup, injection, latency, simulation_log, watched
from bench.measure.instruments.injection import Injection
from bench.measure.instruments.latency import Latency, Row
from bench.measure.instruments.process_tree import CpuSample, used_between
from bench.measure.instruments.simulation_log import SimulationLog
from bench.model import Load, Workload
from bench.paths import GATLING
from bench.store import scrubbed

LEAD_IN, MEASURED = "lead-in", "measured"  # the request names that the simulations use
# A run is over in seconds, in which C2 costs more than it brings: at 1,000 checked posts a second, after 5 s of
# lead-in, the generator's core was 0.65–0.7 busy with it and 0.3–0.35 without; with it after 10 s, 0.4–0.55.
COMPILE_ONCE = "-XX:TieredStopAtLevel=1"
SIMULATIONS = {"closed": "lab.ClosedSimulation", "open": "lab.OpenSimulation"}
LOG, CONSOLE, PAUSES, HISTOGRAM = "simulation.log", "console.txt", "pauses.txt", "latency.hlog"
GRACE_SECONDS = 120.0  # start, the 60 s after which Gatling gives a request up, and its report

_PAUSE = re.compile(r"\[(\d+)ms\].* Total: +(\d+) ns")
_LONGEST = re.compile(r"^> max response time \(ms\) +\| +([\d,]+) ", re.MULTILINE)
_COUNTS = re.compile(r"^> (\S+) +\| +([\d,]+) \| +([\d,]+) \| +([\d,]+)$", re.MULTILINE)


class GatlingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a load yielded; lead-in excluded but for `series`.

    `started` and `ended` are, in seconds of the epoch, from when to when all users of a closed load were at it, of an
    open one the first start and the last end. `reached` counts all requests that reached the server, lead-in included;
    `answered` those that ended between the two, `rate` is right answers per second there. `latencies`, `longest`, and
    `histogram`, an encoded HdrHistogram, are of the right answers, `mean_ms` is of all requests, `delayed` the share by
    which 40 ms stands out. `injection` holds starts against the plan. `generator_busy` is the generator's use of its
    cores (0 to 1), `generator_pause_ms` the longest stop of its JVM, both between `started` and `ended`. `series` has
    the rows of `latency.by_second`.
    """

    requests: int
    failed: int
    failures: dict[str, int]
    started: float
    ended: float
    reached: int
    answered: int
    rate: float
    mean_ms: float
    users: int | None
    histogram: bytes
    latencies: dict[str, Latency]
    longest: Latency | None
    delayed: float
    series: tuple[Row, ...]
    injection: Injection | None
    generator_busy: float
    generator_pause_ms: float

    @property
    def seconds(self) -> float:
        """From `started` to `ended`."""
        return self.ended - self.started


def run(
    load: Load,
    workload: Workload,
    url: str,
    *,
    output: Path,
    cpus: frozenset[int],
    documents: Path | None = None,
    rate: float | None = None,
    home: Path = GATLING,
) -> GatlingResult:
    """Drive `load` from `cpus` against the server at `url`; an open load at `rate` requests per second.

    `documents` is the set of what the workload posts in turn. What Gatling wrote is kept in the folder `output`:
    `simulation.log`, its report `index.html`, `console.txt`, `pauses.txt` of its JVM, and `latency.hlog`: the latencies
    of the right answers as an HdrHistogram.

    Raises LabError if Gatling fails, or if its log is damaged or does not add up to its own summary.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    argv = pinned(command(load, asked(workload, url, documents), output, rate, home), cpus)
    seconds = load.lead_in_seconds + (load.seconds or 0) + sum(segment.seconds for segment in load.segments)
    with scrubbed(output / CONSOLE) as console:
        samples = watched.run("Gatling", argv, console, seconds + GRACE_SECONDS, cpus)
    (report,) = output.glob("*simulation-*")
    for path in report.iterdir():
        path.rename(output / path.name)
    report.rmdir()
    outcome = read(output, load, rate, samples, len(cpus))
    latency.keep(outcome.histogram, output / HISTOGRAM, outcome.started, outcome.seconds)
    return outcome


def read(output: Path, load: Load, rate: float | None, samples: list[CpuSample], cores: int) -> GatlingResult:
    """The outcome of a run that was kept in `output`; `samples` are the generator's, on `cores` cores."""
    log = simulation_log.read(output / LOG)
    check_sums(log, (output / CONSOLE).read_text())
    if MEASURED not in log.requests:
        raise LabError(f"{output}: Gatling sent no measured request")
    measured, took = log.requests[MEASURED], log.requests[MEASURED].milliseconds
    first, last = span_of(log, load)
    within = (measured.end >= first) & (measured.end <= last)
    if not within.any():
        raise LabError(f"no answer came while all users asked: load {load.name!r} is too short for such a server")
    started, ended = ((log.start_epoch_ms + ms) / 1000 for ms in (first, last))
    used, span = used_between(samples, started, ended)
    right = took[measured.ok]
    histogram = latency.histogram(right)
    return GatlingResult(
        requests=len(measured),
        failed=len(took) - len(right),
        failures=measured.failures,
        started=started,
        ended=ended,
        reached=sum(map(len, log.requests.values())),
        answered=int(within.sum()),
        rate=int((within & measured.ok).sum()) / (ended - started),
        mean_ms=float(took.mean()),
        users=load.users,
        histogram=histogram.encode(),
        latencies=latency.percentiles(histogram),
        longest=latency.latency(int(right.max())) if len(right) else None,
        delayed=latency.delayed(right),
        series=latency.by_second(log.requests.values(), origin=int(measured.start.min())),
        injection=None if rate is None else injection.kept(load, rate, measured.start),
        generator_busy=used / span / cores,
        generator_pause_ms=_longest_pause(output / PAUSES, started, ended),
    )


def span_of(log: SimulationLog, load: Load) -> tuple[int, int]:
    """From when to when the measured requests are the load that was asked for, in ms after the run's start.

    A user of a closed load goes from its lead-in to the measured part, and leaves that, with an answer. Where answers
    take long, some still lead in beside others that measure, and at the end a queue is drained that nobody fills: the
    server's whole work is measured requests from the last answer of the lead-in to the first user's end.
    """
    measured = log.requests[MEASURED]
    first, last = int(measured.start.min()), int(measured.end.max())
    if load.model == "open" or load.seconds is None:
        return first, last
    lead_in = log.requests.get(LEAD_IN)
    return (max(first, int(lead_in.end.max())) if lead_in else first), min(last, first + round(1000 * load.seconds))


def check_sums(log: SimulationLog, console: str) -> None:
    """Raises LabError unless counts by request name, and the longest time, are those of Gatling's own summary."""
    said = {name: tuple(map(_number, numbers)) for name, *numbers in _COUNTS.findall(console)}
    said["longest"] = tuple(map(_number, _LONGEST.findall(console)))
    has = {name: (len(found), int(found.ok.sum()), int((~found.ok).sum())) for name, found in log.requests.items()}
    everything = tuple(sum(numbers) for numbers in zip(*has.values(), strict=True))
    longest = max((int(found.milliseconds.max()) for found in log.requests.values()), default=0)
    own = has | {"Global": everything, "longest": (longest,)}
    if said != own:
        raise LabError(f"simulation.log does not add up: (all, right, wrong) are {own}, by Gatling's summary {said}")


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def command(load: Load, request: dict[str, str], output: Path, rate: float | None, home: Path) -> list[str]:
    """The argv of one run. Raises LabError for a load that Gatling cannot inject."""
    options = [f"-Dlab.{name}={value}" for name, value in (request | _injected(load, rate)).items()]
    pauses = f"-Xlog:safepoint:file={output / PAUSES}:timemillis"
    archive = f"-XX:SharedArchiveFile={home / gatling_setup.ARCHIVE}"
    argv = gatling_setup.command(home, COMPILE_ONCE, archive, pauses, *options)
    return [*argv, "io.gatling.app.Gatling", "-s", SIMULATIONS[load.model], "-rf", str(output)]


def asked(workload: Workload, url: str, documents: Path | None) -> dict[str, str]:
    """What the simulations ask, and what must come back, as their parameters."""
    request = {"url": url, "method": workload.method, "path": workload.path}
    request |= {f"header.{name}": value for name, value in workload.headers.items()}
    if documents is not None:
        return request | {"documents": str(documents / "load")}
    if workload.expect is not None:
        return request | {"expect": workload.expect}
    raise LabError(f"workload {workload.name!r} has neither documents nor a text to expect")


def _injected(load: Load, rate: float | None) -> dict[str, str]:
    if load.model == "open":
        if rate is None or not load.segments:
            raise LabError(f"load {load.name!r} is open: it needs segments, and a rate to drive them at")
        return {"segments": injection.argument(load, rate)}
    if load.users is None or load.seconds is None:
        raise LabError(f"load {load.name!r} is closed: it needs users and seconds")
    whole = injection.whole
    seconds = {"lead-in": whole(load, load.lead_in_seconds), "seconds": whole(load, load.seconds)}
    return {"users": str(load.users)} | {name: str(value) for name, value in seconds.items()}


def _longest_pause(path: Path, started: float, ended: float) -> float:
    """In ms, of the JVM's stops (collections and others) that ended between two times, in seconds of the epoch."""
    stops = [(int(at) / 1000, int(ns) / 1e6) for at, ns in _PAUSE.findall(path.read_text())]
    return max((ms for at, ms in stops if started <= at <= ended), default=0.0)

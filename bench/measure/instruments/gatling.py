"""Gatling: drive one load against a running server, and read the metrics from its log.

A run begins with a lead-in, whose requests have their own name. They are in the log and the series only.
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
from bench.measure.instruments.process_tree import CpuSample, cpu_between
from bench.measure.instruments.simulation_log import SimulationLog
from bench.model import Load, Workload
from bench.paths import GATLING
from bench.store import scrubbed

LEAD_IN, MEASURED = "lead-in", "measured"  # the request names that the simulations use
# Within the seconds of a run the C2 compiler costs more than it saves. At 1,000 checked posts per second, the
# generator's core was 65–70 % busy after 5 s of lead-in, 40–55 % after 10 s, and 30–35 % without C2.
WITHOUT_C2 = "-XX:TieredStopAtLevel=1"
SIMULATIONS = {"closed": "lab.ClosedSimulation", "open": "lab.OpenSimulation"}
LOG, CONSOLE, PAUSES, HISTOGRAM = "simulation.log", "console.txt", "pauses.txt", "latency.hlog"
GRACE_SECONDS = 120.0  # for the start, the 60 s of Gatling's request timeout, and its report

_PAUSE = re.compile(r"\[(\d+)ms\].* Total: +(\d+) ns")
_LONGEST = re.compile(r"^> max response time \(ms\) +\| +([\d,]+) ", re.MULTILINE)
_COUNTS = re.compile(r"^> (\S+) +\| +([\d,]+) \| +([\d,]+) \| +([\d,]+)$", re.MULTILINE)


class GatlingResult(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of a load, without its lead-in unless stated otherwise.

    `started`, `ended`: the span of the measured load, in seconds of the epoch; see `measured_span`. `reached`: all
    requests that reached the server, including the lead-in. `answered`: requests that ended within the span. `rate`:
    right answers per second of the span. `latencies`, `longest`, `histogram` (an encoded HdrHistogram): of the right
    answers. `mean_ms`: of all requests. `delayed`: the share by which 40 ms stands out. `injection`: starts compared
    to the plan. `generator_busy`: the generator's use of its cores (0 to 1) within the span. `generator_pause_ms`: the
    longest pause of its JVM within the span. `series`: rows of `latency.by_second`, including the lead-in.
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

    `documents` is the set of documents that the workload posts in turn. The folder `output` receives Gatling's
    `simulation.log`, its report `index.html`, its `console.txt`, the `pauses.txt` of its JVM, and `latency.hlog`, an
    HdrHistogram of the latencies of right answers.

    Raises LabError if Gatling fails, or if its log is damaged or contradicts its own summary.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    argv = pinned(command(load, request_parameters(workload, url, documents), output, rate, home), cpus)
    seconds = load.lead_in_seconds + (load.seconds or 0) + sum(segment.seconds for segment in load.segments)
    with scrubbed(output / CONSOLE) as console:
        samples = watched.run("Gatling", argv, console, seconds + GRACE_SECONDS, cpus)
    (report,) = output.glob("*simulation-*")
    for path in report.iterdir():
        path.rename(output / path.name)
    report.rmdir()
    result = read(output, load, rate, samples, len(cpus))
    latency.write_log(result.histogram, output / HISTOGRAM, result.started, result.seconds)
    return result


def read(output: Path, load: Load, rate: float | None, samples: list[CpuSample], cores: int) -> GatlingResult:
    """Read the result of a run from the folder `output`. `samples`: CPU samples of the generator on `cores` cores."""
    log = simulation_log.read(output / LOG)
    check_sums(log, (output / CONSOLE).read_text())
    if MEASURED not in log.requests:
        raise LabError(f"{output}: Gatling sent no measured request")
    measured, took = log.requests[MEASURED], log.requests[MEASURED].milliseconds
    first, last = measured_span(log, load)
    within = (measured.end >= first) & (measured.end <= last)
    if not within.any():
        raise LabError(f"load {load.name!r} is too short for this server: no answer while all users were active")
    started, ended = ((log.start_epoch_ms + ms) / 1000 for ms in (first, last))
    used, span = cpu_between(samples, started, ended)
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
        injection=None if rate is None else injection.compare_to_plan(load, rate, measured.start),
        generator_busy=used / span / cores,
        generator_pause_ms=_longest_pause(output / PAUSES, started, ended),
    )


def measured_span(log: SimulationLog, load: Load) -> tuple[int, int]:
    """Return the span in which the measured requests are the full load, in ms after the run's start.

    Of an open load it is the first start to the last end. A user of a closed load changes from the lead-in to the
    measured part, and ends, with an answer. With slow answers, lead-in and measured requests overlap at the beginning,
    and at the end the queue drains. The span is therefore from the last answer of the lead-in to the first user's end.
    """
    measured = log.requests[MEASURED]
    first, last = int(measured.start.min()), int(measured.end.max())
    if load.model == "open" or load.seconds is None:
        return first, last
    lead_in = log.requests.get(LEAD_IN)
    return (max(first, int(lead_in.end.max())) if lead_in else first), min(last, first + round(1000 * load.seconds))


def check_sums(log: SimulationLog, console: str) -> None:
    """Raise LabError unless the counts by request name and the longest time equal those of Gatling's own summary."""
    summary = {name: tuple(map(_number, numbers)) for name, *numbers in _COUNTS.findall(console)}
    summary["longest"] = tuple(map(_number, _LONGEST.findall(console)))
    counts = {name: (len(found), int(found.ok.sum()), int((~found.ok).sum())) for name, found in log.requests.items()}
    total = tuple(sum(numbers) for numbers in zip(*counts.values(), strict=True))
    longest = max((int(found.milliseconds.max()) for found in log.requests.values()), default=0)
    own = counts | {"Global": total, "longest": (longest,)}
    if summary != own:
        raise LabError(
            f"simulation.log does not add up: (all, right, wrong) are {own}, but Gatling's summary says {summary}"
        )


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def command(load: Load, request: dict[str, str], output: Path, rate: float | None, home: Path) -> list[str]:
    """Return the argv of one run. Raises LabError for a load that Gatling cannot drive."""
    options = [f"-Dlab.{name}={value}" for name, value in (request | _injection_parameters(load, rate)).items()]
    pauses = f"-Xlog:safepoint:file={output / PAUSES}:timemillis"
    archive = f"-XX:SharedArchiveFile={home / gatling_setup.ARCHIVE}"
    argv = gatling_setup.command(home, WITHOUT_C2, archive, pauses, *options)
    return [*argv, "io.gatling.app.Gatling", "-s", SIMULATIONS[load.model], "-rf", str(output)]


def request_parameters(workload: Workload, url: str, documents: Path | None) -> dict[str, str]:
    """Return the parameters of the simulations that describe the requests and their right answers."""
    request = {"url": url, "method": workload.method, "path": workload.path}
    request |= {f"header.{name}": value for name, value in workload.headers.items()}
    if documents is not None:
        return request | {"documents": str(documents / "load")}
    if workload.expect is not None:
        return request | {"expect": workload.expect}
    raise LabError(f"workload {workload.name!r} requires documents or `expect`")


def _injection_parameters(load: Load, rate: float | None) -> dict[str, str]:
    if load.model == "open":
        if rate is None or not load.segments:
            raise LabError(f"open load {load.name!r} requires segments and a rate")
        return {"segments": injection.gatling_segments(load, rate)}
    if load.users is None or load.seconds is None:
        raise LabError(f"closed load {load.name!r} requires users and seconds")
    lead_in = injection.whole_seconds(load, load.lead_in_seconds)
    seconds = injection.whole_seconds(load, load.seconds)
    return {"users": str(load.users), "lead-in": str(lead_in), "seconds": str(seconds)}


def _longest_pause(path: Path, started: float, ended: float) -> float:
    """Return the longest JVM pause, in ms, that ended between two times, given in seconds of the epoch."""
    pauses = [(int(at) / 1000, int(ns) / 1e6) for at, ns in _PAUSE.findall(path.read_text())]
    return max((ms for at, ms in pauses if started <= at <= ended), default=0.0)

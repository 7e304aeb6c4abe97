"""A service that runs already: throughput, latency, CPU time and memory, measured in blocks.

results/try-ADDRESS-PORT/STARTED/measurement.json     what was asked, and each block as soon as it ends
results/try-ADDRESS-PORT/STARTED/LOAD-BLOCK.*         the output files of the pacer
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bench import store
from bench.analysis.capacity import paceable
from bench.documents import http_files
from bench.documents.http_files import Request
from bench.errors import RIGHT, LabError, WrongError
from bench.host import accounts, exclusive, machine, quiet
from bench.host.listening import Identity, listening
from bench.host.pinning import cores
from bench.measure.instruments import paced, pacer
from bench.measure.instruments.paced import Metrics, PacerResult
from bench.model import Catalog, Load, Measurement, Observed, Recorded, Workload
from bench.own import address, shown
from bench.own.address import Service
from bench.own.manifest import Answers
from bench.own.reader import Reader
from bench.own.study import LOAD, STEADY
from bench.paths import RESULTS
from bench.progress import Progress

BLOCKS = 5
SHARE = 0.6  # of the first block's throughput: the rate of the open load
OVERHEAD_SECONDS = 1.5  # of a block beyond its loads, for the estimate
FEW_CORES = 2  # with more, the scheduler has a core for the generator
RECORD = "measurement.json"
RESTARTED = (
    "the service was restarted during the measurement: run the same command again; "
    "if it replaces its workers by itself (max-requests, --reload), switch that off first"
)


class AskedByUrl(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure: the service at `url`, which may be `remote`. `rate`: that of the open load, in requests/s."""

    url: str
    requests: Path
    ignore: tuple[str, ...] = ()
    rate: float | None = None
    remote: bool = False


class Running(Recorded, frozen=True, kw_only=True):
    """The measurement of a service. `key` stands for the machine and what was asked.

    `processes`: those of the service. `process` names the first one. `shared`: the cores that it shares with the load
    generator, where there are no others. Metrics of a block are prefixed by the load's name. Facts of a block: `noise`,
    a list, and `hidden`, the reasons why there is no `cpu` or no `memory`.
    """

    key: str
    url: str
    started: str
    machine: dict[str, Any]
    processes: Identity = Identity()
    process: str | None = None
    shared: tuple[int, ...] = ()
    blocks: tuple[Observed, ...] = ()
    finished: str | None = None


def measure(
    asked: AskedByUrl, catalog: Catalog, progress: Progress, *, force: bool = False, strict: bool = False
) -> tuple[Path, Running]:
    """Continue an interrupted measurement, or return the finished one unless `force`. Returns its folder and record.

    Raises LabError if the service cannot be measured or is restarted meanwhile, WrongError for a wrong answer, and with
    `strict` RefusedError if the machine is not quiet.
    """
    requests = http_files.read(asked.requests)
    service = address.service_at(asked.url, remote=asked.remote)
    with exclusive.measuring():
        exchanges = address.recorded(service, requests, Answers(ignore=asked.ignore).rule, progress)
        for line in (f"answers of {service.url}:", *shown.lines(exchanges)):
            progress.say(line)
        processes = _same(service, service.found.identity)
        folder, record = _opened(asked, service, requests, processes, force)
        if record.finished:
            return folder, record
        pacer.provision()
        workload = Workload(name=LOAD, title=asked.url, method="GET", path=requests[0].path, exchanges=exchanges)
        driver = Driver(service, workload, folder, catalog.loads[LOAD], catalog.loads[STEADY])
        whole = (BLOCKS - len(record.blocks)) * driver.seconds
        progress.say(f"about {whole:.0f} s of measuring; Ctrl-C keeps finished blocks")
        clock = accounts.Clock()
        with progress.step("waiting until the machine is quiet"):
            quiet.Watch(progress.say, strict).before_block()
        noise = clock.read().noise
        for number in range(len(record.blocks), BLOCKS):
            rate = record.blocks[0].value(f"{STEADY}.asked") if record.blocks else asked.rate
            left = (BLOCKS - number) * driver.seconds
            with progress.step(f"block {number + 1} of {BLOCKS}, about {left:.0f} s left"):
                try:
                    block = driver.block(number, rate, noise)
                except LabError:
                    _same(service, record.processes)  # a restart explains wrong and missing answers
                    raise
                _same(service, record.processes)
                record = replace(record, blocks=(*record.blocks, block))
                store.write(folder / RECORD, record)
            noise = ()
        record = replace(record, finished=store.now())
        store.write(folder / RECORD, record)
    return folder, record


def _same(service: Service, processes: Identity) -> Identity:
    """Return those of the service's processes that still run. Raises LabError if the service was restarted."""
    if processes == Identity():
        return processes
    now = listening(service.address, service.port).identity
    if processes.is_restarted(now):
        raise LabError(RESTARTED)
    return processes.lasting(now)


def _opened(
    asked: AskedByUrl, service: Service, requests: Sequence[Request], processes: Identity, force: bool
) -> tuple[Path, Running]:
    """Return the last measurement with the same key and processes, unless `force`, or else a new one."""
    described, found = machine.describe(), service.found
    parts = (service.url, asked.ignore, asked.rate, requests, described["fingerprint"])
    key = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
    results = RESULTS / f"try-{service.address}-{service.port}"
    for path in sorted(results.glob(f"*/{RECORD}"), reverse=True):
        record = store.read(path, Running)
        if record.key == key and not force and _is_of(record, processes):
            return path.parent, record
    usable = {core for root in found.roots for core in root.cpu_affinity() or ()}
    record = Running(
        key=key,
        url=service.url,
        started=store.now(),
        machine=described,
        processes=processes,
        process=found.title if found.roots else None,
        shared=tuple(sorted(usable & cores().generator)) if len(cores().all) <= FEW_CORES else (),
    )
    folder = results / re.sub(r"[-:]", "", record.started).replace("+0000", "Z")
    folder.mkdir(parents=True, exist_ok=True)
    store.write(folder / RECORD, record)
    return folder, record


def _is_of(record: Running, processes: Identity) -> bool:
    """Return True if a record is of the same start, or if no processes are visible."""
    known = record.processes
    return (known == Identity()) == (processes == Identity()) and not known.is_restarted(processes)


class Driver(msgspec.Struct, frozen=True):
    """Drives the blocks: each is the load `mix`, closed, then the load `steady`, open."""

    service: Service
    workload: Workload
    folder: Path
    mix: Load
    steady: Load

    @property
    def seconds(self) -> float:
        """The expected seconds of a block."""
        parts = (self.mix.seconds or 0.0, *(segment.seconds for segment in self.steady.segments))
        return self.mix.lead_in_seconds + self.steady.lead_in_seconds + sum(parts) + OVERHEAD_SECONDS

    def block(self, number: int, rate: float | None, noise: tuple[str, ...]) -> Observed:
        """Drive a block. Without a `rate`, the open load takes `SHARE` of the closed load's. `noise` came before it."""
        reader = Reader(self.service)
        began, memory = reader.sample(), {"memory.before": reader.memory()}
        lead_in = replace(self.mix, seconds=self.mix.lead_in_seconds)
        self._drive(lead_in, f"lead-in-{number:03}")
        before = reader.cpu()
        mix = self._drive(self.mix, f"{LOAD}-{number:03}")
        after = reader.cpu()
        rate = rate or SHARE * (paceable(_observed(mix.metrics)) or mix.rate)
        steady = self._drive(self.steady, f"{STEADY}-{number:03}", rate, number)
        memory["memory.after"] = reader.memory()
        seen = [*noise, *quiet.transient_noise(began, reader.sample())]
        metrics = {f"{LOAD}.{name}": each for name, each in mix.metrics.items()}
        metrics |= {f"{STEADY}.{name}": each for name, each in steady.metrics.items()}
        metrics |= {f"{STEADY}.asked": ("1/s", rate), f"{LOAD}.users": ("1", float(self.mix.users or 0))}
        metrics |= {name: ("B", each) for name, each in memory.items() if each is not None}
        if before is not None and after is not None:
            metrics[f"{LOAD}.cpu"] = "s", (after - before) / mix.reached
        return _observed(metrics, noise=seen, hidden=reader.hidden)

    def _drive(self, load: Load, name: str, rate: float | None = None, seed: int = 0) -> PacerResult:
        """Drive a load. Raises WrongError if an answer is wrong or missing, with its difference."""
        url, output = f"http://{self.service.address}:{self.service.port}", self.folder / f"{name}.pacer"
        try:
            result = pacer.run(load, self.workload, url, output=output, cpus=cores().generator, rate=rate, seed=seed)
        except LabError as error:
            raise WrongError(f"{self.service.url}: {error}", gate=RIGHT) if error.gate == RIGHT else error from error
        if result.failures:
            told = paced.describe(result.failures, result.difference)
            wrong = f"{sum(result.failures.values())} of {result.reached} answers were wrong or missing"
            raise WrongError(f"{self.service.url}: {wrong}: {told}", gate=RIGHT)
        return result


def _observed(metrics: Metrics, **facts: Any) -> Observed:
    measured = (Measurement(metric=name, unit=unit, values=(value,)) for name, (unit, value) in metrics.items())
    return Observed(measurements=tuple(measured), facts=facts)

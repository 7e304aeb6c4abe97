"""A stack within a limit on its CPU time: its latencies under an open load, or its share beside a busy neighbour."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import documents, verify
from bench.errors import RIGHT, LabError
from bench.host import cpu_time
from bench.host.limits import Throttling
from bench.host.pinning import cores
from bench.measure.instruments import driving, paced
from bench.measure.instruments.driving import Drive
from bench.measure.instruments.paced import Metrics, PacerResult
from bench.model import Catalog, LimitedCase, Load, Measurement, Observed
from bench.serve.http_client import HELLO
from bench.serve.life_cycle import RunningServer, serving

BUSY = Load(name="busy", title="8 users", model="closed", generator="pacer", users=8)
SETTLE_SECONDS = 1.0  # before a window, or an open load, until the neighbour is busy
NEIGHBOUR = ".beside"  # in the names of its files


class Pair(NamedTuple):
    """The drive of the server that is measured, and that of its neighbour, which `pool` drives at the same time."""

    own: Drive
    beside: Drive | None
    pool: ThreadPoolExecutor


def observe(catalog: Catalog, case: LimitedCase, output: Path) -> Observed:
    """Serve the case's stack within its limit, with its neighbour if it has one, and drive its load.

    An open load gives its `latency.*`, the server CPU per request, and `periods`, `throttled` and `throttled_seconds`.
    A closed one gives a value for each window: `share`, the server's part of the CPU time of both, and `used`, what
    both took of the core; and for both servers `rate`, right answers per second. Raises LabError for a wrong answer.
    """
    load = catalog.loads[case.load]
    with _driven(catalog, case, load, output) as pair:
        own = pair.own.running
        facts = verify.ask_provenance(catalog, own.port, case.stack)
        measurements = tuple(_answered(pair) if load.model == "open" else _shared(pair, case.windows))
    return Observed(measurements=measurements, facts=facts | {"cpu_time": own.cpu.source})


@contextmanager
def _driven(catalog: Catalog, case: LimitedCase, load: Load, output: Path) -> Iterator[Pair]:
    """Start the servers. They end before the pool, because their end also ends the loads of an interrupted run."""
    workload = catalog.workloads[case.workload]
    folder = documents.ensure(workload).folder if workload.documents else None
    cpus = cores().server if case.beside else cores().all

    def serve(limit: str, path: Path) -> AbstractContextManager[RunningServer]:
        within = catalog.limits[limit]
        return serving(catalog, case.stack, HELLO, path, cpus, limit=within, workers=case.workers)

    def drive(running: RunningServer, path: Path) -> Drive:
        verify.answers_right(running.port, verify.exchanges(workload), running.host)
        return Drive(
            load=load,
            workload=workload,
            rate=case.rate,
            running=running,
            documents=folder,
            output=path,
            at=driving.locally,
            seed=driving.seed_of(path),
        )

    second = output.with_name(f"{output.name}{NEIGHBOUR}")
    with ExitStack() as life:
        pool = life.enter_context(ThreadPoolExecutor(2))
        own = life.enter_context(serve(case.limit, output.with_suffix(".log")))
        log = second.with_name(f"{second.name}.log")
        beside = life.enter_context(serve(case.beside, log)) if case.beside else None
        yield Pair(drive(own, output), drive(beside, second) if beside else None, pool)


def _answered(pair: Pair) -> Iterator[Measurement]:
    """Drive an open load, while the neighbour is busy."""
    own, load = pair.own, pair.own.load
    before, throttled = cpu_time.read_when_idle(own.running.cpu), _throttling(own.running)
    seconds = load.lead_in_seconds + sum(segment.seconds for segment in load.segments)
    busy = _busy(pair, [pair.beside] if pair.beside else [], SETTLE_SECONDS + seconds)
    if busy:
        time.sleep(SETTLE_SECONDS)
    result = driving.run_pacer(own, load, ".pacer")
    for each in busy:
        each.result()
    if result.failures:
        raise LabError(paced.describe(result.failures, result.difference), gate=RIGHT)
    told = _throttling(own.running).since(throttled)
    cpu = (cpu_time.read_when_idle(own.running.cpu) - before) / result.reached
    yield from _single(result.metrics | {"cpu": ("s", cpu)})
    yield from _single(
        {
            "periods": ("1", float(told.periods)),
            "throttled": ("1", float(told.throttled)),
            "throttled_seconds": ("s", told.seconds),
        }
    )


def _shared(pair: Pair, windows: int) -> Iterator[Measurement]:
    """Keep both servers busy, and read their CPU time at the ends of each window."""
    if pair.beside is None or pair.own.load.seconds is None:
        raise LabError(f"load {pair.own.load.name!r}: a closed load requires a neighbour and seconds")
    both, seconds = [pair.own, pair.beside], pair.own.load.seconds
    loads = _busy(pair, both, 2 * SETTLE_SECONDS + windows * seconds)
    time.sleep(SETTLE_SECONDS)
    spent = [_spent(both, seconds) for _ in range(windows)]
    rates = [each.result().rate for each in loads]
    yield Measurement("share", "1", tuple(own / (own + beside) for own, beside in spent))
    yield Measurement("used", "1", tuple((own + beside) / seconds for own, beside in spent))
    yield Measurement("rate", "1/s", tuple(rates[:1]))
    yield Measurement("beside.rate", "1/s", tuple(rates[1:]))


def _busy(pair: Pair, drives: Sequence[Drive], seconds: float) -> list[Future[PacerResult]]:
    """Keep servers busy for `seconds` from now on."""
    load = msgspec.structs.replace(BUSY, seconds=seconds)
    return [pair.pool.submit(driving.run_pacer, drive, load, ".busy.pacer") for drive in drives]


def _spent(drives: Sequence[Drive], seconds: float) -> list[float]:
    """The CPU seconds that each server spends within the next `seconds`."""
    before = [drive.running.cpu.read() for drive in drives]
    time.sleep(seconds)
    return [drive.running.cpu.read() - read for drive, read in zip(drives, before, strict=True)]


def _throttling(running: RunningServer) -> Throttling:
    if running.limited is None:
        raise LabError(f"{running.name} runs within no limit")
    return running.limited.throttling()


def _single(metrics: Metrics) -> Iterator[Measurement]:
    for name, (unit, value) in metrics.items():
        yield Measurement(metric=name, unit=unit, values=(value,))

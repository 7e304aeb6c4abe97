"""One load driven against a running server: by Gatling or by the pacer, with what it cost the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from bench.analysis.capacity import PACER
from bench.errors import LabError
from bench.host import cpu_time
from bench.host.cpu_time import of_tree
from bench.host.pinning import cores
from bench.measure.instruments import gatling, pacer
from bench.measure.instruments.paced import Metrics, PacerResult
from bench.model import Load, Workload
from bench.serve.backend import RunningBackend
from bench.serve.life_cycle import RunningServer

CAPACITY = Load(name="capacity", title="8 users", model="closed", generator="pacer", users=8, seconds=2)
WARM_UP = Load(name="warm-up", title="A second of warm-up", model="closed", generator="pacer", users=8, seconds=1)
Tool = Callable[..., Any]  # `run` of a generator
Series = dict[str, tuple[tuple[float | None, ...], ...]]


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A load about to be driven: against which server, with which documents, and where its outputs are kept.

    `at` turns a generator's `run` on this machine into one on the machine that drives the load.
    """

    load: Load
    workload: Workload
    rate: float | None
    running: RunningServer
    documents: Path | None
    output: Path
    at: Callable[[Tool], Tool]
    seed: int = 0


class Driven(msgspec.Struct, frozen=True):
    """What a generator saw, and what it cost the server."""

    metrics: Metrics
    series: Series = {}
    facts: dict[str, Any] = {}


def here(tool: Tool) -> Tool:
    """The generator on this machine."""
    return tool


def seed_of(output: Path, name: str = "") -> int:
    """What fixes when requests come: the same for all stacks of a block at one level, another one in each block."""
    return crc32("/".join((*output.parts[-3:-1], name)).encode())


def with_backend(backend: RunningBackend | None, drive: Drive) -> Driven:
    """The load driven, with the share of a core that the back end took for it, if there is one."""
    generator = _DRIVERS[drive.load.generator]
    if backend is None:
        return generator(drive)
    meter = of_tree(backend.process)
    before = meter.read()
    driven = generator(drive)
    (_, reached), (_, rate) = driven.metrics["reached"], driven.metrics["rate"]
    return msgspec.structs.replace(
        driven,
        metrics=driven.metrics | {"backend_cpu": ("1", (meter.read() - before) / reached * rate)},
        facts=driven.facts | {"backend": backend.version},
    )


def warmed(drive: Drive, seconds: int) -> tuple[tuple[float | None, ...], ...]:
    """A light load for so many seconds: of each its end, right answers a second and server CPU per request.

    What a just-in-time compiler does to a fresh server shows in CPU per request, whoever limits the rate. Each second
    ends with the last answer to what was asked in it.
    """
    rows: list[tuple[float | None, ...]] = []
    before = drive.running.cpu.read() if seconds else 0.0
    for second in range(seconds):
        outcome = paced(drive, WARM_UP, ".warm-up.pacer")
        spent = drive.running.cpu.read()
        rows.append((second + 1.0, outcome.rate, (spent - before) / outcome.reached))
        before = spent
    return tuple(rows)


def _by_gatling(drive: Drive) -> Driven:
    before = cpu_time.read_when_idle(drive.running.cpu)
    outcome: gatling.GatlingResult = drive.at(gatling.run)(
        drive.load,
        drive.workload,
        drive.running.url,
        output=drive.output.with_suffix(".gatling"),
        cpus=cores().generator,
        documents=drive.documents,
        rate=drive.rate,
    )
    cpu = _cpu(drive, before, outcome.reached)
    load = drive.load
    asked = load.seconds or sum(segment.seconds for segment in load.segments)
    measured: Metrics = {
        "requests": ("1", float(outcome.requests)),
        "failed": ("1", float(outcome.failed)),
        "seconds": ("s", asked),
        "rate": ("1/s", outcome.rate),
        **cpu,
        "generator_cpu": ("1", outcome.generator_busy),
        "generator_pause": ("s", outcome.generator_pause_ms / 1000),
        **({"users": ("1", float(load.users))} if load.users else {}),
        **_latencies(outcome),
    }
    series: Series = {
        "latency": tuple(
            (row[0], row[1], *(_seconds(ms) for ms in (row[4], row[6], row[7]))) for row in outcome.series
        ),
        "answers": tuple(row[:4] for row in outcome.series),
    }
    if outcome.injection:
        series["plan"] = tuple((index / 4, count * 4) for index, count in enumerate(outcome.injection.planned))
        measured["plan_deviation"] = ("1", outcome.injection.deviation)
    if load.capacity_seconds:
        closed = msgspec.structs.replace(load, seconds=float(load.capacity_seconds))
        found = _paced_alone(drive, closed, ".pacer").metrics
        measured |= {f"{PACER}{name}": value for name, value in found.items()}
    return Driven(measured, series, {"failures": outcome.failures} if outcome.failures else {})


def _by_pacer(drive: Drive) -> Driven:
    """The lead-in of a closed load as a run of its own, then the measured one."""
    if drive.load.model == "closed" and drive.load.lead_in_seconds:
        lead_in = msgspec.structs.replace(drive.load, seconds=drive.load.lead_in_seconds)
        paced(drive, lead_in, ".lead-in.pacer")
    return _paced_alone(drive, drive.load, ".pacer")


_DRIVERS: dict[str, Callable[[Drive], Driven]] = {"gatling": _by_gatling, "pacer": _by_pacer}


def _paced_alone(drive: Drive, load: Load, suffix: str) -> Driven:
    """A run of the pacer, with the server idle before and after it."""
    before = cpu_time.read_when_idle(drive.running.cpu)
    outcome = paced(drive, load, suffix)
    ended = drive.running.cpu.read()
    cpu = _cpu(drive, before, outcome.reached)
    spent = cpu["cpu"][1] * outcome.reached
    asked: Metrics = {} if load.model == "closed" or drive.rate is None else {"asked": ("1/s", drive.rate)}
    return Driven(
        metrics=outcome.metrics | cpu | asked | {"cpu.after": ("1", (before + spent - ended) / spent)},
        series={"latency": outcome.series} if outcome.series else {},
        facts={"failures": outcome.failures} if outcome.failures else {},
    )


def paced(drive: Drive, load: Load, suffix: str) -> PacerResult:
    outcome: PacerResult = drive.at(pacer.run)(
        load,
        drive.workload,
        drive.running.url,
        output=drive.output.with_name(f"{drive.output.name}{suffix}"),
        cpus=cores().generator,
        documents=drive.documents,
        rate=drive.rate,
        seed=drive.seed,
    )
    return outcome


def _cpu(drive: Drive, before: float, reached: int) -> Metrics:
    """Server CPU per request since it was idle at `before` seconds, and the share of it that its clock resolves.

    It is divided by all requests that reached the server, as all of them cost it time.
    """
    meter = drive.running.cpu
    seconds = cpu_time.read_when_idle(meter) - before
    if seconds <= 0:
        raise LabError(f"the load cost no CPU time that {meter.source} could tell: it is too short")
    return {
        "cpu": ("s", seconds / reached),
        "cpu.resolution": ("1", meter.resolution_seconds / seconds),
        "reached": ("1", float(reached)),
    }


def _latencies(outcome: gatling.GatlingResult) -> Metrics:
    """Percentiles in seconds; one below the clock's resolution is named so, and holds that bound."""
    levels = outcome.latencies | ({"max": outcome.longest} if outcome.longest else {})
    return {
        f"latency.{name}{'.below' if level.below else ''}": ("s", level.ms / 1000) for name, level in levels.items()
    } | {"latency.mean": ("s", outcome.mean_ms / 1000), "latency.delayed": ("1", outcome.delayed)}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

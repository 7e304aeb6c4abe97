"""Drive one load against a running server, with Gatling or the pacer, and measure the server's CPU time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from bench.analysis.capacity import PACER
from bench.errors import LabError
from bench.host import cpu_time
from bench.host.pinning import cores
from bench.measure.instruments import gatling, pacer
from bench.measure.instruments.paced import Metrics, PacerResult
from bench.model import Load, Workload
from bench.serve.life_cycle import RunningServer

CAPACITY = Load(name="capacity", title="8 users", model="closed", generator="pacer", users=8, seconds=2)
WARM_UP = Load(name="warm-up", title="A second of warm-up", model="closed", generator="pacer", users=8, seconds=1)
Tool = Callable[..., Any]  # the `run` function of a generator
Series = dict[str, tuple[tuple[float | None, ...], ...]]


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A load, its server and documents, and the path of its outputs. `rate`: of an open load, in requests per second.

    `at` maps the `run` function of a generator to one that runs on the machine that generates the load.
    """

    load: Load
    workload: Workload
    rate: float | None
    running: RunningServer
    documents: Path | None
    output: Path
    at: Callable[[Tool], Tool]
    seed: int = 0


class DriveResult(msgspec.Struct, frozen=True):
    """The generator's measurements of a load, and the server's CPU time."""

    metrics: Metrics
    series: Series = {}
    facts: dict[str, Any] = {}


def locally(tool: Tool) -> Tool:
    """Run the generator on this machine."""
    return tool


def seed_of(output: Path, name: str = "") -> int:
    """Return the seed of the arrival times: equal for all stacks of a block at one level, different in each block."""
    return crc32("/".join((*output.parts[-3:-1], name)).encode())


def drive_load(drive: Drive) -> DriveResult:
    """Drive the load. With a backend, `backend_cpu` is the share of a core that it used for the server's requests."""
    generator, backend = _DRIVERS[drive.load.generator], drive.running.backend
    if backend is None:
        return generator(drive)
    meter = cpu_time.of_tree(backend.process)
    before = meter.read()
    result = generator(drive)
    (_, reached), (_, rate) = result.metrics["reached"], result.metrics["rate"]
    return msgspec.structs.replace(
        result,
        metrics=result.metrics | {"backend_cpu": ("1", (meter.read() - before) / reached * rate)},
        facts=result.facts | {"backend": backend.version},
    )


def warm_up(drive: Drive, seconds: int) -> tuple[tuple[float | None, ...], ...]:
    """Drive a light load for `seconds`. Returns a row per second: its end, right answers/s and server CPU per request.

    The server CPU per request shows the work of a JIT compiler even if the generator limits the rate. A second ends
    with the last answer to its requests.
    """
    rows: list[tuple[float | None, ...]] = []
    before = drive.running.cpu.read() if seconds else 0.0
    for second in range(seconds):
        result = run_pacer(drive, WARM_UP, ".warm-up.pacer")
        spent = drive.running.cpu.read()
        rows.append((second + 1.0, result.rate, (spent - before) / result.reached))
        before = spent
    return tuple(rows)


def _with_gatling(drive: Drive) -> DriveResult:
    before = cpu_time.read_when_idle(drive.running.cpu)
    result: gatling.GatlingResult = drive.at(gatling.run)(
        drive.load,
        drive.workload,
        drive.running.url,
        output=drive.output.with_suffix(".gatling"),
        cpus=cores().generator,
        documents=drive.documents,
        rate=drive.rate,
    )
    cpu = _cpu(drive, before, result.reached)
    load = drive.load
    seconds = load.seconds or sum(segment.seconds for segment in load.segments)
    measured: Metrics = {
        "requests": ("1", float(result.requests)),
        "failed": ("1", float(result.failed)),
        "seconds": ("s", seconds),
        "rate": ("1/s", result.rate),
        **cpu,
        "generator_cpu": ("1", result.generator_busy),
        "generator_pause": ("s", result.generator_pause_ms / 1000),
        **({"users": ("1", float(load.users))} if load.users else {}),
        **_latencies(result),
    }
    series: Series = {
        "latency": tuple((row[0], row[1], *(_seconds(ms) for ms in (row[4], row[6], row[7]))) for row in result.series),
        "answers": tuple(row[:4] for row in result.series),
    }
    if result.injection:
        series["plan"] = tuple((index / 4, count * 4) for index, count in enumerate(result.injection.planned))
        measured["plan_deviation"] = ("1", result.injection.deviation)
    if load.capacity_seconds:
        closed = msgspec.structs.replace(load, seconds=float(load.capacity_seconds))
        found = _measure_with_pacer(drive, closed, ".pacer").metrics
        measured |= {f"{PACER}{name}": value for name, value in found.items()}
    return DriveResult(measured, series, {"failures": result.failures} if result.failures else {})


def _with_pacer(drive: Drive) -> DriveResult:
    """Drive the lead-in of a closed load as a separate run, then the measured run."""
    if drive.load.model == "closed" and drive.load.lead_in_seconds:
        lead_in = msgspec.structs.replace(drive.load, seconds=drive.load.lead_in_seconds)
        run_pacer(drive, lead_in, ".lead-in.pacer")
    return _measure_with_pacer(drive, drive.load, ".pacer")


_DRIVERS: dict[str, Callable[[Drive], DriveResult]] = {"gatling": _with_gatling, "pacer": _with_pacer}


def _measure_with_pacer(drive: Drive, load: Load, suffix: str) -> DriveResult:
    """Run the pacer, with the server idle before and after.

    `cpu.after` is the share of the server's CPU time that it spent after the pacer's last answer.
    """
    before = cpu_time.read_when_idle(drive.running.cpu)
    result = run_measured(drive, load, suffix)
    ended = drive.running.cpu.read()
    cpu = _cpu(drive, before, result.reached)
    spent = cpu["cpu"][1] * result.reached
    asked: Metrics = {} if load.model == "closed" or drive.rate is None else {"asked": ("1/s", drive.rate)}
    return DriveResult(
        metrics=result.metrics | cpu | asked | {"cpu.after": ("1", (before + spent - ended) / spent)},
        series={"latency": result.series} if result.series else {},
        facts={"failures": result.failures, "difference": result.difference} if result.failures else {},
    )


def run_measured(drive: Drive, load: Load, suffix: str) -> PacerResult:
    """Run the pacer with a load that is measured. Raises LabError if no answer arrives within it."""
    result = run_pacer(drive, load, suffix)
    if load.model == "closed" and not result.rate:
        raise LabError(f"load {load.name!r} is too short: no answer arrived within {load.seconds:g} s")
    return result


def run_pacer(drive: Drive, load: Load, suffix: str) -> PacerResult:
    """Run the pacer with `load` instead of the drive's own one. Its outputs get `suffix`."""
    result: PacerResult = drive.at(pacer.run)(
        load,
        drive.workload,
        drive.running.url,
        output=drive.output.with_name(f"{drive.output.name}{suffix}"),
        cpus=cores().generator,
        documents=drive.documents,
        rate=drive.rate,
        seed=drive.seed,
    )
    return result


def _cpu(drive: Drive, before: float, reached: int) -> Metrics:
    """Return the server CPU per request since the reading `before`, and the relative resolution of its clock.

    The CPU time is divided by all requests that reached the server, because each of them costs CPU time.
    """
    meter = drive.running.cpu
    seconds = cpu_time.read_when_idle(meter) - before
    if seconds <= 0:
        raise LabError(f"the load is too short: {meter.source} counted no CPU time of the server")
    return {
        "cpu": ("s", seconds / reached),
        "cpu.resolution": ("1", meter.resolution_seconds / seconds),
        "reached": ("1", float(reached)),
    }


def _latencies(result: gatling.GatlingResult) -> Metrics:
    """Return the percentiles in seconds. One below the clock's resolution has the suffix `.below` and that bound."""
    levels = result.latencies | ({"max": result.longest} if result.longest else {})
    return {
        f"latency.{name}{'.below' if level.below else ''}": ("s", level.ms / 1000) for name, level in levels.items()
    } | {"latency.mean": ("s", result.mean_ms / 1000), "latency.delayed": ("1", result.delayed)}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

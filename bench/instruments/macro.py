"""A stack under load: a fresh server, verified, driven by a generator, verified again; its CPU and memory sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench import catalog, cpu_time, documents, gates, verify
from bench.backend import Attached, attached
from bench.errors import DisturbedError, LabError
from bench.instruments import gatling, injection, process_tree, wrk
from bench.model import Case, Load, Measurement, Observed, Workload, stack_of
from bench.pinning import cores
from bench.serve import HELLO, HOST, Running, serving

WARM_USERS = 8  # who warm a server before any load that counts
Tool = Callable[..., Any]  # `run` of a generator
Metrics = dict[str, tuple[str, float]]  # unit and value by metric
Series = dict[str, tuple[tuple[float | None, ...], ...]]


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A load about to be driven: against which server, with which documents, and where its outputs are kept.

    `at` makes a generator's `run` of this machine one of that which the load comes from.
    """

    load: Load
    workload: Workload
    rate: float | None
    running: Running
    documents: Path | None
    output: Path
    at: Callable[[Tool], Tool]


class Driven(msgspec.Struct, frozen=True):
    """What a generator saw, what it cost the server, and from when to when, in seconds of the epoch, memory counts."""

    metrics: Metrics
    started: float
    ended: float
    series: Series = {}
    failures: dict[str, int] = {}


def here(tool: Tool) -> Tool:
    """The generator on this machine."""
    return tool


def observe(case: Case, output: Path, at: Callable[[Tool], Tool] = here, host: str = HOST) -> Observed:
    """One load on one fresh server: rate, CPU time per request, latencies, memory.

    Where the load comes from another machine, `host` is this one's address there. The server listens at it alone.
    Raises LabError if a gate trips that spoils the whole row, such as for a wrong answer: such a server has no figure.
    """
    workload, load = catalog.workloads()[case.workload or ""], catalog.loads()[case.load or ""]
    asked = verify.exchanges(workload)
    folder = documents.ensure(workload).load if workload.documents else None
    stack, logs = stack_of(case), (output.with_suffix(".log"), output.with_suffix(".backend.log"))
    with (
        attached(workload, logs[1]) as backend,
        serving(stack, HELLO, logs[0], cores().server, host=host, backend=backend) as running,
        _watching(backend) as behind,
    ):
        idle = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked[:1], host)
        first = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        drive = Drive(
            load=load,
            workload=workload,
            rate=case.rate,
            running=running,
            documents=folder,
            output=output,
            at=at,
        )
        warmed = _warmed(drive, catalog.seconds_to_warm(case.variant, load))
        whole = process_tree.unbroken(running.process)
        with process_tree.Sampler(running.process) as sampled, process_tree.steady_clock(), whole:
            driven = _DRIVERS[load.generator](drive)
        after = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        facts = verify.ask_witness(running.port, stack, host, **({"waits": backend.waits(stack)} if backend else {}))
    loaded = _peak(sampled.memory, driven)
    memory = {"idle": idle, "first": first, "loaded": loaded, "after": after}
    metrics = driven.metrics | {f"memory.{when}": ("B", pss) for when, pss in memory.items()}
    if backend and behind:
        used, span = process_tree.used_between(behind.cpu, driven.started, driven.ended)
        metrics |= {"backend_cpu": ("1", used / span)}
        facts |= {"backend": f"{backend.backend.name} {backend.version}"}
    memory_over_time: Series = {"memory": tuple((at - driven.started, pss) for at, pss in sampled.memory)}
    seen = Observed(
        measurements=tuple(Measurement(metric=name, unit=unit, values=(v,)) for name, (unit, v) in metrics.items()),
        facts=facts | {"cpu_time": running.cpu.source} | ({"failures": driven.failures} if driven.failures else {}),
        series=driven.series | memory_over_time | ({"warmup": warmed} if warmed else {}),
    )
    for tripped in gates.judge(seen):
        if tripped.spoils == "row":
            raise LabError(f"{tripped.gate}: {tripped.reason}")
    return seen


@contextmanager
def _watching(backend: Attached | None) -> Iterator[process_tree.Sampler | None]:
    """The CPU time of a back end sampled while the block runs."""
    if backend is None:
        yield None
        return
    with process_tree.Sampler(backend.process, memory=False) as sampled:
        yield sampled


def _warmed(drive: Drive, seconds: int) -> tuple[tuple[float | None, ...], ...]:
    """A light load for so many seconds: of each its end, right answers a second and server CPU per request.

    What a just-in-time compiler does to a fresh server shows in CPU per request, whoever limits the rate. Each second
    ends with the last answer to what was asked in it.
    """
    rows: list[tuple[float | None, ...]] = []
    before = drive.running.cpu.read() if seconds else 0.0
    for second in range(seconds):
        outcome = _by_users(drive, WARM_USERS, 1, ".warm-up.wrk")
        spent = drive.running.cpu.read()
        rows.append((second + 1.0, outcome.rate, (spent - before) / outcome.requests))
        before = spent
    return tuple(rows)


def _by_gatling(drive: Drive) -> Driven:
    before = cpu_time.idle_seconds(drive.running.cpu)
    outcome: gatling.Outcome = drive.at(gatling.run)(
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
    }
    if outcome.kept:
        series["plan"] = tuple((index / 4, count * 4) for index, count in enumerate(outcome.kept.planned))
        measured["plan_deviation"] = ("1", outcome.kept.deviation)
    if load.capacity_seconds:
        measured |= {f"wrk.{name}": value for name, value in _wrk(drive, load.capacity_seconds, ".wrk").metrics.items()}
    return Driven(measured, outcome.started, outcome.ended, series, outcome.failures)


def _by_wrk(drive: Drive) -> Driven:
    """The lead-in as a run of its own, then the measured one."""
    if drive.load.lead_in_seconds:
        _wrk(drive, drive.load.lead_in_seconds, ".lead-in.wrk")
    return _wrk(drive, drive.load.seconds, ".wrk")


_DRIVERS: dict[str, Callable[[Drive], Driven]] = {"gatling": _by_gatling, "wrk": _by_wrk}


def _wrk(drive: Drive, seconds: float | None, suffix: str) -> Driven:
    """A run of wrk, with the server idle before and after it."""
    load = drive.load
    if load.users is None or seconds is None:
        raise LabError(f"load {load.name!r} is closed: it needs users and seconds")
    before = cpu_time.idle_seconds(drive.running.cpu)
    outcome = _by_users(drive, load.users, injection.whole(load, seconds), suffix)
    metrics: Metrics = {
        "requests": ("1", float(outcome.within)),
        "seconds": ("s", seconds),
        "rate": ("1/s", outcome.rate),
        **_cpu(drive, before, outcome.requests),
        "generator_cpu": ("1", outcome.generator_busy),
    }
    return Driven(metrics, outcome.started, outcome.ended)


def _by_users(drive: Drive, users: int, seconds: int, suffix: str) -> wrk.Outcome:
    outcome: wrk.Outcome = drive.at(wrk.run)(
        drive.workload,
        drive.running.url,
        users=users,
        seconds=seconds,
        output=drive.output.with_suffix(suffix),
        cpus=cores().generator,
        documents=drive.documents,
    )
    return outcome


def _cpu(drive: Drive, before: float, reached: int) -> Metrics:
    """Server CPU per request since it was idle at `before` seconds, and the share of it that its clock resolves.

    It is divided by all requests that reached the server, as all of them cost it time.
    """
    meter = drive.running.cpu
    seconds = cpu_time.idle_seconds(meter) - before
    if seconds <= 0:
        raise LabError(f"the load cost no CPU time that {meter.source} could tell: it is too short")
    return {
        "cpu": ("s", seconds / reached),
        "cpu.resolution": ("1", meter.resolution_seconds / seconds),
        "reached": ("1", float(reached)),
    }


def _latencies(outcome: gatling.Outcome) -> Metrics:
    """Percentiles in seconds; one below the clock's resolution is named so, and holds that bound."""
    levels = outcome.latencies | ({"max": outcome.longest} if outcome.longest else {})
    return {
        f"latency.{name}{'.below' if level.below else ''}": ("s", level.ms / 1000) for name, level in levels.items()
    } | {"latency.mean": ("s", outcome.mean_ms / 1000), "latency.delayed": ("1", outcome.delayed)}


def _peak(memory: list[tuple[float, float]], driven: Driven) -> float:
    """The most memory held while the measured part of the load ran. Raises LabError without a sample of it."""
    held = [pss for at, pss in memory if driven.started <= at <= driven.ended + 1]
    if not held:
        raise DisturbedError(
            "no memory sample within the measured part of the load: the machine stalled or it is too short"
        )
    return max(held)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

"""A stack under load: a fresh server, verified, driven by a generator, verified again; its CPU and memory sampled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench import catalog, documents, verify
from bench.errors import LabError
from bench.instruments import gatling, injection, process_tree, wrk
from bench.model import Case, Load, Measurement, Observed, Workload, stack_of
from bench.pinning import cores
from bench.serve import HELLO, HOST, Running, serving

GENERATOR_BUSY = 0.8  # share of the generator's cores above which it, not the server, sets the rate

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
    """What a generator saw, and from when to when, in seconds of the epoch, memory counts."""

    metrics: Metrics
    started: float
    ended: float
    series: Series = {}
    limits: tuple[str, ...] = ()


def here(tool: Tool) -> Tool:
    """The generator on this machine."""
    return tool


def observe(case: Case, output: Path, at: Callable[[Tool], Tool] = here, host: str = HOST) -> Observed:
    """One load on one fresh server: rate, CPU time per request, latencies, memory.

    Where the load comes from another machine, `host` is this one's address there. The server listens at it alone.
    Raises LabError if an answer is wrong or a request fails: such a server has no figure.
    """
    workload, load = catalog.workloads()[case.workload or ""], catalog.loads()[case.load or ""]
    asked = verify.exchanges(workload)
    folder = documents.ensure(workload).load if workload.documents else None
    with serving(stack_of(case), HELLO, output.with_suffix(".log"), cores().server, host=host) as running:
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
        with process_tree.Sampler(running.process) as sampled:
            driven = _DRIVERS[load.generator](drive, sampled)
        after = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        facts = verify.ask_witness(running.port, case.variant, host)
    loaded = _peak(sampled.memory, driven)
    memory = {"idle": idle, "first": first, "loaded": loaded, "after": after}
    metrics = driven.metrics | {f"memory.{when}": ("B", pss) for when, pss in memory.items()}
    return Observed(
        measurements=tuple(Measurement(metric=name, unit=unit, values=(v,)) for name, (unit, v) in metrics.items()),
        facts=facts,
        series=driven.series | {"memory": tuple((at - driven.started, pss) for at, pss in sampled.memory)},
        limits=driven.limits,
    )


def _by_gatling(drive: Drive, sampled: process_tree.Sampler) -> Driven:
    outcome: gatling.Outcome = drive.at(gatling.run)(
        drive.load,
        drive.workload,
        drive.running.url,
        output=drive.output.with_suffix(".gatling"),
        cpus=cores().generator,
        documents=drive.documents,
        rate=drive.rate,
    )
    if outcome.failed:
        raise LabError(f"{outcome.failed} of {outcome.requests} requests failed: {_most_common(outcome.failures)}")
    used, span = process_tree.used_between(sampled.cpu, outcome.started, outcome.ended)
    limits = ("generator-limited",) if outcome.generator_busy > GENERATOR_BUSY else ()
    measured: Metrics = {
        "requests": ("1", float(outcome.requests)),
        "cpu": ("s", used / span / outcome.rate),
        "generator_cpu": ("1", outcome.generator_busy),
        "generator_pause": ("s", outcome.generator_pause_ms / 1000),
        # What the generator could do is no capacity of the server, but open loads can be driven at shares of it.
        ("reached" if limits else "rate"): ("1/s", outcome.rate),
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
    return Driven(measured, outcome.started, outcome.ended, series, limits)


def _by_wrk(drive: Drive, _: process_tree.Sampler) -> Driven:
    """The lead-in as a run of its own, then the measured one."""
    if drive.load.lead_in_seconds:
        _wrk(drive, drive.load.lead_in_seconds, ".lead-in.wrk")
    outcome, cpu = _wrk(drive, drive.load.seconds, ".wrk")
    limited = outcome.generator_busy > GENERATOR_BUSY
    metrics: Metrics = {
        "requests": ("1", float(outcome.requests)),
        "cpu": ("s", cpu),
        "generator_cpu": ("1", outcome.generator_busy),
        ("reached" if limited else "rate"): ("1/s", outcome.rate),
    }
    return Driven(metrics, outcome.started, outcome.ended, limits=("generator-limited",) if limited else ())


_DRIVERS: dict[str, Callable[[Drive, process_tree.Sampler], Driven]] = {"gatling": _by_gatling, "wrk": _by_wrk}


def _wrk(drive: Drive, seconds: float | None, suffix: str) -> tuple[wrk.Outcome, float]:
    """A run of wrk, and the CPU seconds of the whole server by request, between its start and its end."""
    load = drive.load
    if load.users is None or seconds is None:
        raise LabError(f"load {load.name!r} is closed: it needs users and seconds")
    before = process_tree.cpu_seconds(drive.running.process)
    outcome: wrk.Outcome = drive.at(wrk.run)(
        drive.workload,
        drive.running.url,
        users=load.users,
        seconds=injection.whole(load, seconds),
        output=drive.output.with_suffix(suffix),
        cpus=cores().generator,
        documents=drive.documents,
    )
    used = process_tree.cpu_seconds(drive.running.process) - before
    return outcome, used / outcome.requests


def _latencies(outcome: gatling.Outcome) -> Metrics:
    """Percentiles in seconds; one below the clock's resolution is named so, and holds that bound."""
    levels = outcome.latencies | ({"max": outcome.longest} if outcome.longest else {})
    return {
        f"latency.{name}{'.below' if level.below else ''}": ("s", level.ms / 1000) for name, level in levels.items()
    } | {"latency.mean": ("s", outcome.mean_ms / 1000)}


def _peak(memory: list[tuple[float, float]], driven: Driven) -> float:
    """The most memory held while the measured part of the load ran. Raises LabError without a sample of it."""
    held = [pss for at, pss in memory if driven.started <= at <= driven.ended + 1]
    if not held:
        raise LabError("no memory sample within the measured part of the load: the machine stalled or it is too short")
    return max(held)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _most_common(failures: dict[str, int]) -> str:
    return max(failures, key=lambda message: failures[message], default="no reason given")

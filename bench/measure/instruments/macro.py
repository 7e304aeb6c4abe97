"""A stack under load: a fresh server, verified, driven by a generator, verified again; its CPU time and memory.

Nothing of the lab runs beside the light generator. What the server spent and held is read before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from bench import documents, verify
from bench.analysis import gates
from bench.analysis.capacity import PACER, paceable
from bench.catalog import pairing
from bench.errors import DisturbedError, LabError
from bench.host import cpu_time
from bench.host.cpu_time import of_tree
from bench.host.pinning import cores
from bench.measure.instruments import fresh, gatling, pacer, peak, process_tree
from bench.measure.instruments.paced import Metrics, Outcome
from bench.model import Catalog, Load, MacroCase, Measurement, Observed, Workload
from bench.serve import front
from bench.serve.backend import Attached, attached
from bench.serve.life_cycle import HELLO, HOST, Running, serving

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
    running: Running
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


def observe(
    catalog: Catalog, case: MacroCase, output: Path, at: Callable[[Tool], Tool] = here, host: str = HOST
) -> Observed:
    """One load on one fresh server: rate, CPU time per request, latencies, memory.

    Where the load comes from another machine, `host` is this one's address there. The server listens at it alone.
    Raises LabError if a gate trips that spoils the whole row, such as for a wrong answer: such a server has no figure.
    Where a busy machine could trip it as well that is a DisturbedError, and the run is measured once more.
    """
    workload, load = catalog.workloads[case.workload], catalog.loads[case.load]
    asked, unknown = verify.exchanges(workload), documents.fresh(workload)
    folder = documents.ensure(workload).folder if workload.documents else None
    stack, logs = case.stack, (output.with_suffix(".log"), output.with_suffix(".backend.log"))
    with (
        attached(catalog, workload, logs[1]) as backend,
        serving(catalog, stack, HELLO, logs[0], cores().server, host=host, backend=backend) as running,
    ):
        memory = {"idle": process_tree.pss_bytes(running.process)}
        verify.answers_right(running.port, asked[:1], host)
        memory["first"] = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        drive = Drive(
            load=load,
            workload=workload,
            rate=case.rate,
            running=running,
            documents=folder,
            output=output,
            at=at,
            seed=_seed(output),
        )
        warmed = _warmed(drive, catalog.seconds_to_warm(case.variant, load))
        from_now_on = peak.forget(running.process)
        with process_tree.unbroken(running.process), process_tree.steady_clock():
            driven = _at_shares(backend, drive, case) if case.shares else _with_backend(backend, drive)
        memory["after"] = process_tree.pss_bytes(running.process)
        memory["loaded"] = memory["after"] + peak.above_now_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        beside = fresh.beside_seen(running, documents.exchanges(workload, folder and folder / "load"), unknown)
        server = None if stack.is_peer else pairing.server_file(catalog, stack)
        waits = {"waits": backend.waits(server)} if backend and server else {}
        facts = verify.ask_witness(catalog, running.port, stack, host, **waits)
    metrics = driven.metrics | beside | {f"memory.{when}": ("B", pss) for when, pss in memory.items()}
    proxy = server.front if server else None
    facts |= {"front": front.version(proxy)} if proxy else {}
    facts |= {"cpu_time": running.cpu.source} | ({} if from_now_on else {"memory_peak": "since the start"})
    seen = Observed(
        measurements=tuple(Measurement(metric=name, unit=unit, values=(v,)) for name, (unit, v) in metrics.items()),
        facts=facts | driven.facts,
        series=driven.series | ({"warmup": warmed} if warmed else {}),
    )
    for part in (seen, *(seen.part(name) for name in case.levels)):
        for tripped in gates.judge(part):
            if tripped.spoils == "row":
                raise (DisturbedError if tripped.noisy else LabError)(tripped.reason, gate=tripped.gate)
    return seen


def _at_shares(backend: Attached | None, drive: Drive, case: MacroCase) -> Driven:
    """The load at the case's rate, then at shares of what this server can answer; figures under each level's name."""
    metrics: Metrics = {}
    series: Series = {}
    facts: dict[str, Any] = {}
    capacity = _capacity(drive)
    rates = (case.rate, *(share * capacity for share in case.shares))
    for name, rate in zip(case.levels, rates, strict=True):
        output = drive.output.with_name(f"{drive.output.name}.{name.replace(' ', '-')}")
        level = msgspec.structs.replace(drive, rate=rate, output=output, seed=_seed(drive.output, name))
        driven = _with_backend(backend, level)
        metrics |= {f"{name}.{metric}": value for metric, value in driven.metrics.items()}
        series |= {f"{name}.{key}": rows for key, rows in driven.series.items()}
        facts |= {name: driven.facts}
    return Driven(metrics, series, facts)


def _capacity(drive: Drive) -> float:
    """Requests a second that this server answers, or that the pacer can ask, if that is less."""
    metrics = _paced(drive, CAPACITY, ".capacity.pacer").metrics
    known = tuple(Measurement(metric=name, unit=unit, values=(value,)) for name, (unit, value) in metrics.items())
    found = paceable(Observed(measurements=known))
    if found is None:
        raise LabError("the pacer told no capacity of the server")
    return found


def _seed(output: Path, name: str = "") -> int:
    """What fixes when requests come: the same for all stacks of a block at one level, another one in each block."""
    return crc32("/".join((*output.parts[-3:-1], name)).encode())


def _with_backend(backend: Attached | None, drive: Drive) -> Driven:
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


def _warmed(drive: Drive, seconds: int) -> tuple[tuple[float | None, ...], ...]:
    """A light load for so many seconds: of each its end, right answers a second and server CPU per request.

    What a just-in-time compiler does to a fresh server shows in CPU per request, whoever limits the rate. Each second
    ends with the last answer to what was asked in it.
    """
    rows: list[tuple[float | None, ...]] = []
    before = drive.running.cpu.read() if seconds else 0.0
    for second in range(seconds):
        outcome = _paced(drive, WARM_UP, ".warm-up.pacer")
        spent = drive.running.cpu.read()
        rows.append((second + 1.0, outcome.rate, (spent - before) / outcome.reached))
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
        "answers": tuple(row[:4] for row in outcome.series),
    }
    if outcome.kept:
        series["plan"] = tuple((index / 4, count * 4) for index, count in enumerate(outcome.kept.planned))
        measured["plan_deviation"] = ("1", outcome.kept.deviation)
    if load.capacity_seconds:
        closed = msgspec.structs.replace(load, seconds=float(load.capacity_seconds))
        found = _paced_alone(drive, closed, ".pacer").metrics
        measured |= {f"{PACER}{name}": value for name, value in found.items()}
    return Driven(measured, series, {"failures": outcome.failures} if outcome.failures else {})


def _by_pacer(drive: Drive) -> Driven:
    """The lead-in of a closed load as a run of its own, then the measured one."""
    if drive.load.model == "closed" and drive.load.lead_in_seconds:
        lead_in = msgspec.structs.replace(drive.load, seconds=drive.load.lead_in_seconds)
        _paced(drive, lead_in, ".lead-in.pacer")
    return _paced_alone(drive, drive.load, ".pacer")


_DRIVERS: dict[str, Callable[[Drive], Driven]] = {"gatling": _by_gatling, "pacer": _by_pacer}


def _paced_alone(drive: Drive, load: Load, suffix: str) -> Driven:
    """A run of the pacer, with the server idle before and after it."""
    before = cpu_time.idle_seconds(drive.running.cpu)
    outcome = _paced(drive, load, suffix)
    ended = drive.running.cpu.read()
    cpu = _cpu(drive, before, outcome.reached)
    spent = cpu["cpu"][1] * outcome.reached
    asked: Metrics = {} if load.model == "closed" or drive.rate is None else {"asked": ("1/s", drive.rate)}
    return Driven(
        metrics=outcome.metrics | cpu | asked | {"cpu.after": ("1", (before + spent - ended) / spent)},
        series={"latency": outcome.series} if outcome.series else {},
        facts={"failures": outcome.failures} if outcome.failures else {},
    )


def _paced(drive: Drive, load: Load, suffix: str) -> Outcome:
    outcome: Outcome = drive.at(pacer.run)(
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


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

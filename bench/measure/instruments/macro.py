"""A stack under load: a fresh server, verified, driven by a generator, verified again; its CPU time and memory.

Nothing of the lab runs beside the light generator. What the server spent and held is read before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench import documents, verify
from bench.analysis import gates
from bench.analysis.capacity import paceable
from bench.catalog import pairing
from bench.errors import DisturbedError, LabError
from bench.host.pinning import cores
from bench.measure.instruments import driving, fresh, peak, process_tree
from bench.measure.instruments.driving import Drive, Driven, Series, Tool, here
from bench.measure.instruments.paced import Metrics
from bench.model import Catalog, MacroCase, Measurement, Observed
from bench.serve import proxy as proxying
from bench.serve.backend import RunningBackend, backend_for
from bench.serve.life_cycle import HELLO, HOST, serving


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
        backend_for(catalog, workload, logs[1]) as backend,
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
            seed=driving.seed_of(output),
        )
        warmed = driving.warmed(drive, catalog.seconds_to_warm(case.variant, load))
        from_now_on = peak.forget(running.process)
        with process_tree.unbroken(running.process), process_tree.steady_clock():
            driven = _at_shares(backend, drive, case) if case.shares else driving.with_backend(backend, drive)
        memory["after"] = process_tree.pss_bytes(running.process)
        memory["loaded"] = memory["after"] + peak.above_now_bytes(running.process)
        verify.answers_right(running.port, asked, host)
        beside = fresh.beside_seen(running, documents.exchanges(workload, folder and folder / "load"), unknown)
        server = None if stack.is_peer else pairing.server_file(catalog, stack)
        waits = {"waits": backend.waits(server)} if backend and server else {}
        facts = verify.ask_provenance(catalog, running.port, stack, host, **waits)
    metrics = driven.metrics | beside | {f"memory.{when}": ("B", pss) for when, pss in memory.items()}
    facts |= {"proxy": proxying.version(server.proxy)} if server and server.proxy else {}
    facts |= {"cpu_time": running.cpu.source} | ({} if from_now_on else {"memory_peak": "since the start"})
    seen = Observed(
        measurements=_measurements(metrics),
        facts=facts | driven.facts,
        series=driven.series | ({"warmup": warmed} if warmed else {}),
    )
    for part in (seen, *(seen.part(name) for name in case.levels)):
        _require_plausible(part)
    return seen


def _measurements(metrics: Metrics) -> tuple[Measurement, ...]:
    return tuple(Measurement(metric=name, unit=unit, values=(value,)) for name, (unit, value) in metrics.items())


def _require_plausible(seen: Observed) -> None:
    """Raises LabError where a gate spoils all figures of the run, DisturbedError where a busy machine can trip it."""
    for tripped in gates.judge(seen):
        if tripped.spoils == "row":
            raise (DisturbedError if tripped.noisy else LabError)(tripped.reason, gate=tripped.gate)


def _at_shares(backend: RunningBackend | None, drive: Drive, case: MacroCase) -> Driven:
    """The load at the case's rate, then at shares of what this server can answer; figures under each level's name."""
    metrics: Metrics = {}
    series: Series = {}
    facts: dict[str, Any] = {}
    capacity = _capacity(drive)
    rates = (case.rate, *(share * capacity for share in case.shares))
    for name, rate in zip(case.levels, rates, strict=True):
        output = drive.output.with_name(f"{drive.output.name}.{name.replace(' ', '-')}")
        level = msgspec.structs.replace(drive, rate=rate, output=output, seed=driving.seed_of(drive.output, name))
        driven = driving.with_backend(backend, level)
        metrics |= {f"{name}.{metric}": value for metric, value in driven.metrics.items()}
        series |= {f"{name}.{key}": rows for key, rows in driven.series.items()}
        facts |= {name: driven.facts}
    return Driven(metrics, series, facts)


def _capacity(drive: Drive) -> float:
    """Requests a second that this server answers, or that the pacer can ask, if that is less."""
    metrics = driving.paced(drive, driving.CAPACITY, ".capacity.pacer").metrics
    found = paceable(Observed(measurements=_measurements(metrics)))
    if found is None:
        raise LabError("the pacer told no capacity of the server")
    return found

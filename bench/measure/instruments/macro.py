"""A stack under load: a fresh server is verified, driven by a generator and verified again.

The lab itself does not run during the pacer's load: the server's CPU time and memory are read before and after.
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
from bench.measure.instruments.driving import Drive, DriveResult, Series, Tool, locally
from bench.measure.instruments.paced import Metrics
from bench.model import Catalog, MacroCase, Measurement, Observed
from bench.serve import container, proxy
from bench.serve.application import backend_for
from bench.serve.http_client import HELLO
from bench.serve.life_cycle import HOST, serving


def observe(
    catalog: Catalog, case: MacroCase, output: Path, at: Callable[[Tool], Tool] = locally, host: str = HOST
) -> Observed:
    """Drive one load against one fresh server, and measure rate, server CPU per request, latencies and memory.

    `at` runs the generator on the machine that generates the load. `host` is this machine's address for it, the only
    address at which the server listens.

    Raises LabError if a gate rejects the whole run, for instance because of a wrong answer. If a busy machine can also
    trip that gate, the error is a DisturbedError, and the run is repeated once.
    """
    workload, load = catalog.workloads[case.workload], catalog.loads[case.load]
    exchanges, unknown = verify.exchanges(workload), documents.fresh(workload)
    folder = documents.ensure(workload).folder if workload.documents else None
    first = workload.exchanges[0] if workload.exchanges else HELLO
    stack, logs = case.stack, (output.with_suffix(".log"), output.with_suffix(".backend.log"))
    with (
        backend_for(catalog, stack, workload.backend, logs[1]) as backend,
        serving(catalog, stack, first, logs[0], cores().server, host=host, backend=backend) as running,
    ):
        memory = {"idle": process_tree.pss_bytes(*running.trees)}
        verify.answers_right(running.port, exchanges[:1], host)
        memory["first"] = process_tree.pss_bytes(*running.trees)
        verify.answers_right(running.port, exchanges, host)
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
        warm_up = driving.warm_up(drive, catalog.seconds_to_warm(case.variant, load, workload.name))
        peak_reset = peak.reset(*running.trees)
        with process_tree.require_alive(*running.trees), process_tree.require_steady_clock():
            result = _drive_at_shares(drive, case) if case.shares else driving.drive_load(drive)
        memory["after"] = process_tree.pss_bytes(*running.trees)
        memory["loaded"] = memory["after"] + peak.above_now_bytes(*running.trees)
        verify.answers_right(running.port, exchanges, host)
        compared = fresh.compare_to_seen(running, documents.exchanges(workload, folder and folder / "load"), unknown)
        server = None if stack.is_peer else pairing.server_file(catalog, stack)
        if running.provenance:
            facts = verify.read_provenance(catalog, running, stack)
        else:
            waits = {"waits": backend.waits(server)} if backend and server else {}
            facts = verify.ask_provenance(catalog, running.port, stack, host, **waits)
    metrics = result.metrics | compared | {f"memory.{when}": ("B", pss) for when, pss in memory.items()}
    facts |= {"proxy": proxy.version(server.proxy)} if server and server.proxy else {}
    place = pairing.place_of(catalog, stack)
    facts |= {"place": container.version(place)} if place else {}
    facts |= {"cpu_time": running.cpu.source} | ({} if peak_reset else {"memory_peak": "since the start"})
    observed = Observed(
        measurements=_measurements(metrics),
        facts=facts | result.facts,
        series=result.series | ({"warmup": warm_up} if warm_up else {}),
    )
    for part in (observed, *(observed.part(name) for name in case.levels)):
        _require_plausible(part)
    return observed


def _measurements(metrics: Metrics) -> tuple[Measurement, ...]:
    return tuple(Measurement(metric=name, unit=unit, values=(value,)) for name, (unit, value) in metrics.items())


def _require_plausible(observed: Observed) -> None:
    """Raise LabError if a gate rejects the whole run, DisturbedError if a busy machine can also trip that gate."""
    for tripped in gates.judge(observed):
        if tripped.spoils == "row":
            raise (DisturbedError if tripped.noisy else LabError)(tripped.reason, gate=tripped.gate)


def _drive_at_shares(drive: Drive, case: MacroCase) -> DriveResult:
    """Drive the load at the case's rate, then at shares of this server's capacity. Metrics are prefixed by level."""
    metrics: Metrics = {}
    series: Series = {}
    facts: dict[str, Any] = {}
    capacity = _capacity(drive)
    rates = (case.rate, *(share * capacity for share in case.shares))
    for name, rate in zip(case.levels, rates, strict=True):
        output = drive.output.with_name(f"{drive.output.name}.{name.replace(' ', '-')}")
        level = msgspec.structs.replace(drive, rate=rate, output=output, seed=driving.seed_of(drive.output, name))
        result = driving.drive_load(level)
        metrics |= {f"{name}.{metric}": value for metric, value in result.metrics.items()}
        series |= {f"{name}.{key}": rows for key, rows in result.series.items()}
        facts |= {name: result.facts}
    return DriveResult(metrics, series, facts)


def _capacity(drive: Drive) -> float:
    """Return the server's capacity in requests per second, or the pacer's if that is less."""
    metrics = driving.run_measured(drive, driving.CAPACITY, ".capacity.pacer").metrics
    found = paceable(Observed(measurements=_measurements(metrics)))
    if found is None:
        raise LabError("the pacer measured no capacity of the server")
    return found

"""The null server under the pacer's load: the highest rate that the generator can reach.

bjoern, the fastest pinned server, returns a fixed answer. A subject with nearly this rate has reached the limit of the
generator, not its own capacity (`bench.analysis.gates`, plateau).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import documents
from bench.build import artifacts
from bench.host.pinning import cores
from bench.measure.instruments import pacer
from bench.measure.instruments.driving import Tool, locally
from bench.measure.instruments.paced import PacerResult
from bench.model import Catalog, Exchange, Measurement, NullCase, Observed
from bench.paths import SUBJECT, TOOLS
from bench.provision import stamp, system
from bench.provision.interpreters import MEASURED_LOCK, install
from bench.serve.life_cycle import HOST, launched
from bench.serve.ports import free_port

PROGRAM = SUBJECT / "null.py"
SERVER = "bjoern"
NEEDS = ("C compiler", "python3-dev", "libev")


def provision(variant: str) -> None:
    """Install bjoern for the interpreter of `variant`. Raises MissingError if it is unavailable."""
    folder = _folder(variant)
    made_of = stamp.of(MEASURED_LOCK)
    if stamp.is_current(folder, made_of):
        return
    system.require(NEEDS)
    with stamp.rebuilding(folder, made_of):
        install(artifacts.python(variant), [SERVER], target=folder)


def observe(
    catalog: Catalog, case: NullCase, output: Path, at: Callable[[Tool], Tool] = locally, host: str = HOST
) -> Observed:
    """Measure the rate of right answers and the generator's CPU use. Raises LabError for a wrong or missing answer."""
    workload, load = catalog.workloads[case.workload], catalog.loads[case.load]
    load = msgspec.structs.replace(load, seconds=load.capacity_seconds or load.seconds)
    folder = documents.ensure(workload).folder if workload.documents else None
    answer = folder / "load" / "0000.out.json" if folder else output.with_suffix(".answer")
    if folder is None:
        answer.write_text(workload.expect or "")
    port = free_port(host)
    argv = [str(artifacts.python(case.variant)), str(PROGRAM), host, str(port), str(answer)]
    env = artifacts.environment(catalog, catalog.variant(case.variant)) | {"PYTHONPATH": str(_folder(case.variant))}
    first = Exchange(method="GET", path="/", body=None, expect=answer.read_bytes())
    with launched(
        "the null server",
        argv,
        env,
        folder=output.parent,
        log=output.with_suffix(".log"),
        first=first,
        cpus=cores().server,
        host=host,
        port=port,
    ) as running:
        result: PacerResult = at(pacer.run)(
            load,
            workload,
            running.url,
            output=output.with_suffix(".pacer"),
            cpus=cores().generator,
            documents=folder,
            same_answer=folder is not None,
        )
    measurements = tuple(
        Measurement(metric=name, unit=unit, values=(value,))
        for name, (unit, value) in result.metrics.items()
        if name in {"rate", "generator_cpu"}
    )
    return Observed(measurements=measurements, facts={"server": SERVER})


def _folder(variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-null"

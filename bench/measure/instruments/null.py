"""The null server under the light load: how many answers a second the generator can have at all.

bjoern, the fastest server of the lock, gives one fixed answer. A subject that comes near its rate has reached what the
generator can ask, not what the server can answer (`bench.analysis.gates`, plateau).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import documents
from bench.build import artifacts
from bench.host.pinning import cores
from bench.measure.instruments import pacer
from bench.measure.instruments.driving import Tool, here
from bench.measure.instruments.paced import PacerResult
from bench.model import Catalog, Exchange, Measurement, NullCase, Observed
from bench.paths import SUBJECT, TOOLS
from bench.provision import stamp, system
from bench.provision.interpreters import MEASURED_LOCK, install
from bench.serve.life_cycle import HOST, free_port, launched

PROGRAM = SUBJECT / "null.py"
SERVER = "bjoern"
NEEDS = ("C compiler", "python3-dev", "libev")


def provision(variant: str) -> None:
    """Bring the server for the interpreter of `variant`. Raises MissingError where it cannot be had."""
    folder = _folder(variant)
    made_of = stamp.of(MEASURED_LOCK)
    if stamp.is_current(folder, made_of):
        return
    system.require(NEEDS)
    with stamp.rebuilding(folder, made_of):
        install(artifacts.python(variant), [SERVER], target=folder)


def observe(
    catalog: Catalog, case: NullCase, output: Path, at: Callable[[Tool], Tool] = here, host: str = HOST
) -> Observed:
    """The rate of right answers, and how busy the generator was. Raises LabError if an answer is wrong or lost."""
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
    place = {"folder": output.parent, "log": output.with_suffix(".log")}
    with launched(
        "the null server", argv, env, **place, first=first, cpus=cores().server, host=host, port=port
    ) as running:
        outcome: PacerResult = at(pacer.run)(
            load,
            workload,
            running.url,
            output=output.with_suffix(".pacer"),
            cpus=cores().generator,
            documents=folder,
            same_answer=folder is not None,
        )
    told = tuple(
        Measurement(metric=name, unit=unit, values=(value,))
        for name, (unit, value) in outcome.metrics.items()
        if name in {"rate", "generator_cpu"}
    )
    return Observed(measurements=told, facts={"server": SERVER})


def _folder(variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-null"

"""case → run: each instrument used on fresh processes, whatever happens kept as a result with its verdict."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from bench import build, catalog, documents, store, verify
from bench.errors import LabError
from bench.instruments import gatling, micro, process_tree, sizes
from bench.model import Case, Exchange, Instrument, Measurement, MicroPlan, Run
from bench.paths import ROOT
from bench.pinning import cores
from bench.plan import Phase
from bench.serve import Running, ask, serving

GENERATOR_BUSY = 0.8  # share of the generator's cores above which it, not the server, sets the rate
HELLO = Exchange(method="GET", path="/hello", body=None, expect=b"Hello, world!\n")


class Watcher(Protocol):
    """Who is told how the measuring goes on."""

    def case(self, case: Case, run: Run | None) -> None:
        """`case` begins, or has ended with `run`."""

    def skipped(self, case: Case) -> None:
        """`case` was measured by an earlier start of this session."""


def measure(phase: Phase, session: Path, seed: int, watcher: Watcher, execute: Execute) -> None:
    """Measure every block of `phase` that is not whole yet, its cases in a random order that `seed` fixes."""
    for block in range(phase.blocks):
        if store.is_whole(session, phase.name, block, phase.cases):
            for case in phase.cases:
                watcher.skipped(case)
            continue
        folder = store.block_folder(session, phase.name, block)
        order = list(phase.cases)
        random.Random(f"{seed} {phase.name} {block}").shuffle(order)
        for case in order:
            watcher.case(case, None)
            run = execute(case, block, folder)
            store.save(folder, run)
            watcher.case(case, run)


def execute(case: Case, block: int, folder: Path) -> Run:
    """One run of `case` in fresh processes; a failure becomes a run with its reason, not an end of the study."""
    started, began = store.now(), time.perf_counter()
    output = folder / case.identity
    try:
        run = _INSTRUMENTS[case.instrument](case, output)
    except (LabError, subprocess.TimeoutExpired, psutil.NoSuchProcess) as error:
        run = Run(case=case, block=block, started=started, seconds=0.0, verdict="failed", reason=_line(error))
    raw = sorted(str(path.relative_to(folder.parent)) for path in folder.glob(f"{case.identity}.*"))
    seconds = time.perf_counter() - began
    return msgspec.structs.replace(run, block=block, started=started, seconds=seconds, raw=tuple(raw))


def _time(case: Case, output: Path) -> Run:
    """micro: pyperf in a fresh process of the variant."""
    workload = catalog.workloads()[case.workload or ""]
    plan = MicroPlan(processes=1, values=int(case.settings["values"]), passes=int(case.settings["passes"]))
    folder = documents.ensure(workload).load
    name = f"transform {workload.name}"
    timed = micro.run(case.variant, name, folder, plan, output.with_suffix(".pyperf.json"), cores().server)
    return _passed(case, *timed.measurements, facts=verify.witness(case.variant, timed.about))


def _size(case: Case, output: Path) -> Run:
    """size: the closure of the stack on disk, and what the build made and took."""
    del output  # nothing is written but the run
    assert case.stack is not None
    built = build.require(case.variant)
    measured = [
        Measurement(metric=f"{part}.{kind}", unit="B", values=(float(getattr(size, kind)),))
        for part, size in sizes.sizes(case.stack).items()
        for kind in ("unpacked", "stripped", "compressed")
    ]
    wheel = Measurement(metric="wheel", unit="B", values=(float(built.wheel_bytes),))
    seconds = Measurement(metric="build", unit="s", values=(built.build_seconds,))
    return _passed(case, wheel, seconds, *measured, facts={"wheel": built.wheel, "wheel_sha256": built.wheel_sha256})


def _start(case: Case, output: Path) -> Run:
    """startup: spawn of a fresh server to its first right answer to a document."""
    assert case.stack is not None
    first = verify.exchanges(catalog.workloads()[case.workload or ""])[0]
    with serving(case.stack, first, output.with_suffix(".log"), cores().server) as running:
        facts = verify.ask_witness(running.port, case.variant)
        ready = Measurement(metric="ready", unit="s", values=(running.ready_seconds,))
    return _passed(case, ready, facts=facts)


def _passed(case: Case, *measurements: Measurement, facts: dict[str, object]) -> Run:
    return Run(case=case, block=0, started="", seconds=0.0, verdict="pass", measurements=measurements, facts=facts)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


_INSTRUMENTS: dict[Instrument, Callable[[Case, Path], Run]] = {
    "micro": _time,
    "size": _size,
    "startup": _start,
    "macro": _load,
}

"""case → run: blocks in random order on fresh processes, whatever happens kept as a result with its verdict."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import psutil

from bench import store
from bench.errors import LabError
from bench.instruments import instructions, macro, micro, sizes, startup
from bench.model import Case, Instrument, Observed, Run
from bench.plan import Phase

INSTRUMENTS: dict[Instrument, Callable[[Case, Path], Observed]] = {
    "micro": micro.observe,
    "macro": macro.observe,
    "size": sizes.observe,
    "startup": startup.observe,
    "instructions": instructions.observe,
}


class Watcher(Protocol):
    """Who is told how the measuring goes on."""

    def case(self, case: Case, run: Run | None) -> None:
        """`case` begins, or has ended with `run`."""

    def skipped(self, case: Case) -> None:
        """`case` was measured by an earlier start of this session."""


Execute = Callable[[Case, int, Path], Run]


def execute(case: Case, block: int, folder: Path) -> Run:
    """One run of `case`, tool outputs kept in `folder`; a failure is a run with its reason, and the study goes on."""
    started, began = store.now(), time.perf_counter()
    observed, reason = Observed(), None
    try:
        observed = INSTRUMENTS[case.instrument](case, folder / case.identity)
    except (LabError, OSError, subprocess.SubprocessError, psutil.Error) as error:
        reason = " ".join(str(error).split())
    return Run(
        case=case,
        block=block,
        started=started,
        seconds=time.perf_counter() - began,
        verdict="failed" if reason else "pass",
        reason=reason,
        raw=tuple(sorted(str(path.relative_to(folder.parent)) for path in folder.glob(f"{case.identity}.*"))),
        **msgspec.structs.asdict(observed),
    )


def measure(phase: Phase, session: Path, seed: int, watcher: Watcher, execute: Execute = execute) -> None:
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

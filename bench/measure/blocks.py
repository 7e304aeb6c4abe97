"""case → run: blocks in random order on fresh processes, whatever happens kept as a result with its verdict."""

from __future__ import annotations

import errno
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from bench import store
from bench.errors import DisturbedError, LabError, unwritable
from bench.host import machine, steal
from bench.measure.instruments import factors, instructions, macro, micro, null, sizes, startup, suite
from bench.model import Case, Catalog, Instrument, Observed, Phase, Run

Instruments = dict[Instrument, Callable[[Catalog, Any, Path], Observed]]  # each takes the cases of its kind

INSTRUMENTS: Instruments = {
    "micro": micro.observe,
    "macro": macro.observe,
    "size": sizes.observe,
    "startup": startup.observe,
    "instructions": instructions.observe,
    "null": null.observe,
    "suite": suite.observe,
    "factors": factors.observe,
}


class Watcher(Protocol):
    """Who is told how the measuring goes on."""

    def case(self, case: Case, run: Run | None) -> None:
        """`case` begins, or has ended with `run`."""

    def skipped(self, case: Case) -> None:
        """`case` was measured by an earlier start of this session."""


Execute = Callable[[Case, int, Path], Run]


def execute(catalog: Catalog, case: Case, block: int, folder: Path, instruments: Instruments = INSTRUMENTS) -> Run:
    """One run of `case`, tool outputs kept in `folder`; a failure is a run with its reason, and the study goes on."""
    started, began, times = store.now(), time.perf_counter(), steal.cpu_times()
    observed, reason, gate = Observed(), None, None
    try:
        observed = _observed(partial(instruments[case.instrument], catalog, case), folder / case.identity)
    except (LabError, OSError, subprocess.SubprocessError, psutil.Error) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            raise unwritable(error, error.filename or folder) from error  # no run can be saved either
        reason, gate = " ".join(str(error).split()), getattr(error, "gate", None)
    seconds = time.perf_counter() - began
    return Run(
        case=case,
        block=block,
        started=started,
        seconds=seconds,
        stolen=steal.stolen_share(times, steal.cpu_times(), seconds),
        verdict="failed" if reason else "pass",
        reason=reason,
        gate=gate,
        machine=machine.mark(),
        raw=tuple(sorted(str(path.relative_to(folder.parent)) for path in folder.glob(f"{case.identity}.*"))),
        **msgspec.structs.asdict(observed),
    )


def _observed(instrument: Callable[[Path], Observed], output: Path) -> Observed:
    """What the instrument saw; where the machine disturbed it, what it saw on a second try, which its facts tell."""
    try:
        return instrument(output)
    except DisturbedError as error:
        seen = instrument(output)
        return msgspec.structs.replace(seen, facts=seen.facts | {"disturbed": f"{error.gate or 'no gate'}: {error}"})


def measure(
    phase: Phase,
    session: Path,
    seed: int,
    watcher: Watcher,
    execute: Execute,
    *,
    before_block: Callable[[], None] = lambda: None,
) -> None:
    """Measure every block of `phase` that is not whole yet."""
    for block in unmeasured(phase, session, watcher):
        before_block()
        folder = store.block_folder(session, phase.name, block)
        for case in in_order(phase, block, seed):
            watcher.case(case, None)
            run = execute(case, block, folder)
            store.save(folder, run)
            watcher.case(case, run)


def unmeasured(phase: Phase, session: Path, watcher: Watcher) -> Iterator[int]:
    """The blocks of `phase` that are not whole yet; `watcher` is told of the cases of the others."""
    for block in range(phase.first, phase.first + phase.blocks):
        if not store.is_whole(session, phase.name, block, phase.cases):
            yield block
            continue
        for case in phase.cases:
            watcher.skipped(case)


def in_order(phase: Phase, block: int, seed: int) -> list[Case]:
    """The cases of one block in a random order that `seed` fixes."""
    order = list(phase.cases)
    random.Random(f"{seed} {phase.name} {block}").shuffle(order)
    return order

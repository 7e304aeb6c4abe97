"""Measure cases in blocks: in random order, each in fresh processes. Every outcome, also a failure, is stored."""

from __future__ import annotations

import errno
import random
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from bench import store
from bench.errors import DisturbedError, LabError, LostError, unwritable
from bench.host import machine, steal
from bench.measure.instruments import (
    delivered,
    factors,
    instructions,
    layers,
    limited,
    macro,
    micro,
    null,
    replaced,
    robustness,
    sizes,
    sizing,
    startup,
    suite,
)
from bench.model import Case, Catalog, Instrument, Observed, Phase, Run

Instruments = dict[Instrument, Callable[[Catalog, Any, Path], Observed]]  # each accepts one type of case

INSTRUMENTS: Instruments = {
    "micro": micro.observe,
    "macro": macro.observe,
    "size": sizes.observe,
    "startup": startup.observe,
    "instructions": instructions.observe,
    "null": null.observe,
    "suite": suite.observe,
    "factors": factors.observe,
    "layers": layers.observe,
    "robustness": robustness.observe,
    "limited": limited.observe,
    "sizing": sizing.observe,
    "replaced": replaced.observe,
    "delivered": delivered.observe,
}


class Watcher(Protocol):
    """Receives the progress of the measurement."""

    def case(self, case: Case, run: Run | None) -> None:
        """Called when `case` begins, with `run` None, and when it has ended."""

    def skipped(self, case: Case) -> None:
        """Called for a case that was measured earlier in this session."""


Execute = Callable[[Case, int, Path], Run]
EXPECTED = (LabError, OSError, subprocess.SubprocessError, psutil.Error)  # their text tells the reason
UNSAVED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # no run can be saved either


def execute(catalog: Catalog, case: Case, block: int, folder: Path, instruments: Instruments = INSTRUMENTS) -> Run:
    """Run `case` once and keep the outputs of its tools in `folder`. A failure is returned as a run with its reason.

    That includes every error of the lab itself, whose traceback is kept in the run's log, so that the study goes on.
    Only a full disk and a lost machine are raised.
    """
    started, began, times = store.now(), time.perf_counter(), steal.cpu_times()
    observed, reason, gate = Observed(), None, None
    try:
        observed = _observe(partial(instruments[case.instrument], catalog, case), folder / case.identity)
    except LostError:
        raise
    except Exception as error:  # whatever an instrument raises, the study goes on
        if isinstance(error, OSError) and error.errno in UNSAVED:
            raise unwritable(error, error.filename or folder) from error
        reason, gate = " ".join(str(error).split()), getattr(error, "gate", None)
        if not reason or not isinstance(error, EXPECTED):
            reason = f"{type(error).__name__}: {reason}".removesuffix(": ")
            _log_traceback(error, folder, case)
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


def _log_traceback(error: Exception, folder: Path, case: Case) -> None:
    """Append the error's traceback to the run's log. Raises LabError if the disk is full or not writable."""
    path = folder / f"{case.identity}.log"
    try:
        with path.open("ab") as log:
            log.write(store.scrub("".join(traceback.format_exception(error)).encode(errors="backslashreplace")))
    except OSError as full:
        if full.errno in UNSAVED:
            raise unwritable(full, path) from full
        raise


def _observe(instrument: Callable[[Path], Observed], output: Path) -> Observed:
    """Run the instrument, and once more if the machine disturbed it. The second result notes that in its facts."""
    try:
        return instrument(output)
    except DisturbedError as error:
        observed = instrument(output)
        disturbed = f"{error.gate or 'no gate'}: {error}"
        return msgspec.structs.replace(observed, facts=observed.facts | {"disturbed": disturbed})


def measure(
    phase: Phase,
    session: Path,
    seed: int,
    watcher: Watcher,
    execute: Execute,
    *,
    before_block: Callable[[], None] = lambda: None,
) -> None:
    """Measure every incomplete block of `phase`."""
    for block in unmeasured(phase, session, watcher):
        before_block()
        folder = store.block_folder(session, phase.name, block)
        executed = partial(_executed, execute, block, folder)
        for run in _runs(phase.at_once, shuffled(phase, block, seed), watcher, executed):
            store.save(folder, run)
            watcher.case(run.case, run)


def _executed(execute: Execute, block: int, folder: Path, case: Case) -> Run:
    return execute(case, block, folder)


def _runs(at_once: int, cases: Sequence[Case], watcher: Watcher, execute: Callable[[Case], Run]) -> Iterator[Run]:
    """Run the cases, one after the other or several at the same time. Yields each run as soon as it has ended."""
    if at_once == 1:
        for case in cases:
            watcher.case(case, None)
            yield execute(case)
        return
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for running in as_completed([pool.submit(execute, case) for case in cases]):
                run = running.result()
                watcher.case(run.case, None)
                yield run
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def unmeasured(phase: Phase, session: Path, watcher: Watcher) -> Iterator[int]:
    """Yield the incomplete blocks of `phase`. The cases of complete blocks are reported to `watcher` as skipped."""
    for block in range(phase.first, phase.first + phase.blocks):
        if not store.is_whole(session, phase.name, block, phase.cases):
            yield block
            continue
        for case in phase.cases:
            watcher.skipped(case)


def shuffled(phase: Phase, block: int, seed: int) -> list[Case]:
    """Return the cases of one block in a random order determined by `seed`."""
    order = list(phase.cases)
    random.Random(f"{seed} {phase.name} {block}").shuffle(order)
    return order

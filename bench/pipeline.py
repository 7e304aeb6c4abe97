"""The spine of the lab: catalog → plan → provision → build → verify → measure → store → report, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec

from bench import readiness, store, verify
from bench.analysis import selftest
from bench.errors import LabError
from bench.host import accounts, quiet
from bench.host.pinning import leave_server_alone
from bench.measure import blocks as measuring
from bench.measure import identity
from bench.measure.instruments import micro
from bench.model import Artifact, BuiltPeer, Hole, Race, Ready, Run, Session, Stack, Study
from bench.plan import contest, estimate, matrix
from bench.plan.latency_loads import latency_loads
from bench.plan.matrix import Phase
from bench.progress import Progress
from bench.race import playoff, racing
from bench.race.again import servers_again

Measure = Callable[[Phase, Path, int, Progress], None]


def run(
    study: Study,
    progress: Progress,
    force: bool = False,
    strict: bool = False,
    cases: Path = verify.GOLDEN,
    *,
    budget: float | None = None,
) -> tuple[Path, Session]:
    """Answer the study's question: a session, resumed if one was interrupted; the finished one, unless `force`.

    Its variants have to be right about `cases`; `budget` is seconds of measuring, kept by racing. Returns the session's
    folder and record; the runs lie in the folder. Raises RefusedError if the machine is not quiet and `strict` is asked
    for.
    """
    if budget is not None:
        racing.track(study, matrix.phases(study), budget)  # whether there is time enough, before anything is built
    measure = partial(_measure_here, quiet.Watch(progress.say, strict))
    return carry_out(study, readiness.make_ready(study, progress, cases), progress, force, measure, budget=budget)


def run_twice(study: Study, progress: Progress) -> None:
    """Measure `study` once more than it was, and a first time before that where this, as it is now, never was.

    A repetition that was interrupted goes on.
    """
    known = [session.finished for _, session in store.sessions(study.name)]
    run(study, progress)
    if not any(known) or known[-1]:
        run(study, progress, force=True)


def run_times(study: Study, progress: Progress, times: int, *, budget: float | None = None) -> list[Path]:
    """Bring the finished sessions of `study`, as it is now and on this machine, up to so many. Returns their folders.

    One that was interrupted goes on. `budget` is that of each (`run`).
    """
    _, session = run(study, progress, budget=budget)
    while len(found := store.alike(session)) < times:
        progress.say(f"session {len(found) + 1} of {times}")
        _, session = run(study, progress, force=True, budget=budget)
    return [folder for folder, _ in found]


def carry_out(
    study: Study, ready: Ready, progress: Progress, force: bool, measure: Measure, *, budget: float | None = None
) -> tuple[Path, Session]:
    """The session of the study on what is `ready`, measured phase by phase by `measure`; a finished one as it is.

    `budget` is seconds of measuring: what does not fit is raced.
    """
    clock = accounts.Clock()
    lacking = ready.missing.keys() | ({"null"} if "macro" in ready.missing else set())
    contest_seconds = 0.0 if "macro" in ready.missing else estimate.contest_seconds(study)
    phases = [identified(phase, ready) for phase in matrix.phases(study) if phase.name not in lacking]
    track = _track(study, phases, ready, budget)
    holes = [*ready.holes, *ready.missing.values(), *matrix.declared_holes(study)]
    race = Race(budget_seconds=budget) if budget and track else None
    planned = [*phases, track.first] if track else phases
    folder, session = open_session(study, planned, holes, force, ready.machine, race=race)
    if session.finished:
        return folder, session
    try:
        with progress.measuring(budget if budget and track else sum(map(estimate.seconds, phases)) + contest_seconds):
            for phase in phases:
                if track and session.race and phase.name == racing.FINAL:
                    _race(track, session, folder, measure, progress, floor=_bias(ready))
                    continue
                whole = matrix.with_counted_paths(phase, store.runs(folder)) if phase.name == "micro" else phase
                measure(whole, folder, session.seed, progress)
                if phase.name == racing.FINAL and not study.selftest:
                    _measured_again(phase, folder, measure, progress)
            for asked in (contest.open_loads, latency_loads):
                driven = asked(study, store.runs(folder))
                if driven:
                    measure(identified(driven, ready), folder, session.seed, progress)
        micro.merge(folder, store.runs(folder))
    finally:
        session = store.read(folder / "session.json", Session)
        account = msgspec.structs.replace(clock.read(), commit=ready.machine.get("commit"))
        session = _noted(folder, accounts=(*session.accounts, account))
    return folder, store.finish(folder, session)


def _track(study: Study, phases: list[Phase], ready: Ready, budget: float | None) -> racing.Track | None:
    """The race to run, where there is a budget that the study does not fit, and a generator of loads."""
    if budget is None or "macro" in ready.missing:
        return None
    track = racing.track(study, phases, budget)
    return msgspec.structs.replace(track, first=identified(track.first, ready)) if track else None


def _race(
    track: racing.Track, session: Session, folder: Path, measure: Measure, progress: Progress, *, floor: float
) -> None:
    """The rounds, the final of those that are left, and blocks for what is undecided; the session's record tells."""
    entered = {case.identity for case in (*track.first.cases, *track.final.cases)}

    def known() -> list[Run]:
        return [run for run in store.runs(folder) if run.case.identity in entered]

    def measured(phase: Phase) -> list[Run]:
        measure(phase, folder, session.seed, progress)
        return known()

    def measured_again(phase: Phase) -> list[Run]:
        measured(phase)
        _measured_again(phase, folder, measure, progress)
        return known()

    race = session.race or Race(budget_seconds=track.seconds)
    for ended in racing.race(track, race, measured_again):
        race = _noted(folder, race=ended).race or ended
        progress.say(racing.said(ended))
    runs = measured_again(racing.finalists(track.final, race))
    for block in playoff.blocks(track, race, runs, measured_again, floor):
        progress.say(f"extra block {block.first}: fresh servers for what is undecided, and for the best beside it")


def _bias(ready: Ready) -> float:
    """The bias of server CPU that this machine's self-test found; 0 without one."""
    tested = selftest.latest(ready.machine.get("fingerprint"))
    return (tested.bias("macro") if tested else None) or 0.0


def _measured_again(phase: Phase, folder: Path, measure: Measure, progress: Progress) -> None:
    """Another server for each stack whose servers disagree in that phase."""
    found = servers_again(phase, store.runs(folder))
    if found is None:
        return
    more, again = found
    session = store.read(folder / "session.json", Session)
    _noted(folder, again=tuple(dict.fromkeys((*session.again, *again))))
    progress.say(f"servers disagree, so each gets an extra one: {', '.join(str(each.stack) for each in again)}")
    measure(more, folder, session.seed, progress)


def _noted(folder: Path, **changes: Any) -> Session:
    """The session's record with changes, as it is now on disk."""
    session = msgspec.structs.replace(store.read(folder / "session.json", Session), **changes)
    store.write(folder / "session.json", session)
    return session


def _measure_here(watch: quiet.Watch, phase: Phase, folder: Path, seed: int, progress: Progress) -> None:
    leave_server_alone()

    def before_block() -> None:
        _require_unchanged(phase)
        watch.before_block()

    measuring.measure(phase, folder, seed, progress, measuring.execute, before_block=before_block)


def _require_unchanged(phase: Phase) -> None:
    """Raises LabError where the code that measures is not what the cases of the phase were identified with."""
    known = {(case.instrument, case.inputs["harness"]) for case in phase.cases if "harness" in case.inputs}
    for instrument, code in known:
        if not identity.harness(instrument).startswith(code):
            raise LabError(f"the code of {instrument} changed while it measured: the same command begins a new session")


def identified(phase: Phase, ready: Ready) -> Phase:
    """The phase with the cases whose variant is built, with its server and back end, each with its inputs' hashes."""
    code = cache(identity.harness)
    cases = [
        identity.identified(case, artifact, ready.generator, code)
        for case in phase.cases
        if (artifact := ready.artifacts.get(case.variant)) and not _lacks(artifact, case.stack)
        if not (case.stack and case.workload in ready.unserved.get(case.variant, {}))
    ]
    return msgspec.structs.replace(phase, cases=tuple(cases))


def _lacks(artifact: Artifact | BuiltPeer, stack: Stack | None) -> bool:
    """Whether the server of a stack, or what its tuning needs, could not be had."""
    needed = {stack.label, stack.server} if stack else set()
    return isinstance(artifact, Artifact) and not needed.isdisjoint(artifact.lacks)


def open_session(
    study: Study,
    phases: list[Phase],
    holes: list[Hole],
    force: bool,
    described: dict[str, Any],
    *,
    race: Race | None = None,
) -> tuple[Path, Session]:
    """The study's last session on such a machine if it has the same cases, finished or to be resumed; else a new one.

    One that is raced has the same budget, too. By `force` it is a new one in any case.
    """
    cases = tuple(case for phase in phases for case in phase.cases)
    same = described["fingerprint"]
    found = [each for each in store.sessions(study.name) if each[1].machine.get("fingerprint") == same]
    if found and not force:
        folder, session = found[-1]
        raced = [each and each.budget_seconds for each in (session.race, race)]
        if {case.identity for case in session.cases} == {case.identity for case in cases} and raced[0] == raced[1]:
            return folder, session
    session = Session(
        study=study.name,
        started=store.now(),
        seed=time_ns() % 2**32,
        machine=described,
        cases=cases,
        holes=tuple(holes),
        race=race,
        targets=study.targets,
    )
    return store.create(session), session


def status(runs: Iterable[Run], holes: Iterable[Hole]) -> int:
    """The exit status: 1 if a case failed or was wrong, and under CI also for a hole that is not declared."""
    holes = list(holes)
    failed = any(run.verdict == "failed" for run in runs) or any(hole.failed for hole in holes)
    return int(failed or ("CI" in os.environ and any(not hole.declared for hole in holes)))

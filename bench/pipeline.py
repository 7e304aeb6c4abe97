"""The steps of the lab in their order: plan → make ready → identify → measure → store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

from msgspec.structs import replace

from bench import store, verify
from bench.host import accounts, exclusive, quiet
from bench.host.pinning import leave_server_alone
from bench.measure import blocks as measuring
from bench.measure import identity
from bench.measure.instruments import micro
from bench.model import Phase, Plan, Race, Ready, Run, Session, Unavailable
from bench.plan import contest, cores, estimate
from bench.plan.latency_loads import latency_loads
from bench.progress import Progress
from bench.race import again, heats, racing
from bench.readiness import setup

Measure = Callable[[Phase, Path, int, Progress], None]


def run(
    plan: Plan,
    progress: Progress,
    force: bool = False,
    strict: bool = False,
    cases: Path = verify.GOLDEN,
    *,
    budget: float | None = None,
) -> tuple[Path, Session]:
    """Measure a plan: continue its interrupted session, or return its finished one unless `force`.

    Variants must answer `cases` right. `budget` limits the seconds of measuring by a race. Returns the folder of the
    session, which holds the runs, and its record. With `strict`, raises RefusedError if the machine is not quiet.
    Raises LabError at once if another process measures on this machine.
    """
    if budget is not None:
        racing.track(plan, budget)  # raises if the budget is too small, before anything is built
    with exclusive.measuring():  # builds, too, would disturb the other measurement
        ready = setup.make_ready(plan, progress, cases)
        measure = _measuring_here(plan, quiet.Watch(progress.say, strict))
        return carry_out(plan, ready, progress, force, measure, budget=budget)


def run_twice(plan: Plan, progress: Progress) -> None:
    """Measure the plan once more; twice if it has no finished session yet. Continues an interrupted repetition."""
    known = [session.finished for _, session in store.sessions(plan.study.name)]
    run(plan, progress)
    if not any(known) or known[-1]:
        run(plan, progress, force=True)


def run_times(plan: Plan, progress: Progress, times: int, *, budget: float | None = None) -> list[Path]:
    """Measure until this machine has `times` finished sessions of the plan. Returns their folders.

    An interrupted session is continued. `budget` is that of each session (see `run`).
    """
    _, session = run(plan, progress, budget=budget)
    while len(found := store.alike(session)) < times:
        progress.say(f"session {len(found) + 1} of {times}")
        _, session = run(plan, progress, force=True, budget=budget)
    return [folder for folder, _ in found]


def carry_out(
    plan: Plan, ready: Ready, progress: Progress, force: bool, measure: Measure, *, budget: float | None = None
) -> tuple[Path, Session]:
    """Measure the session of a plan, phase by phase, with `measure`; a finished session is returned unchanged.

    `budget` limits the seconds of measuring by a race.
    """
    clock = accounts.Clock()
    placed = identity.identify_plan(plan, ready)
    track = heats.entered(placed, ready, budget)
    race = Race(budget_seconds=budget) if budget and track else None
    planned = replace(placed, phases=(*placed.phases, track.first)) if track else placed
    folder, session = open_session(planned, force, ready.machine, race=race)
    if session.finished:
        return folder, session
    if known := len(store.runs(folder)):
        progress.say(f"continuing the interrupted session of {session.started}: {known} runs are measured")

    def measured(phase: Phase) -> None:
        measure(phase, folder, session.seed, progress)

    try:
        whole = budget if budget and track else estimate.plan_seconds(placed)
        with progress.measuring(whole, partial(estimate.case_seconds, catalog=plan.catalog)):
            for phase in placed.phases:
                if track and phase.name == racing.FINAL:
                    heats.run(track, folder, measured, progress.say, ready.machine)
                elif phase.name == "micro":
                    measured(cores.with_counted_paths(phase, plan.catalog, store.runs(folder)))
                else:
                    measured(phase)
                    if phase.name == racing.FINAL and not plan.study.selftest:
                        again.measure(phase, folder, measured, progress.say)
            for asked in (contest.open_loads, latency_loads):
                driven = asked(placed, store.runs(folder))
                if driven:
                    measured(identity.identify_phase(plan.catalog, driven, ready))
        micro.merge(folder, store.runs(folder))
    finally:
        session = store.read(folder / "session.json", Session)
        account = replace(clock.read(), commit=ready.machine.get("commit"))
        session = store.note(folder, accounts=(*session.accounts, account))
    return folder, store.finish(folder, session)


def _measuring_here(plan: Plan, watch: quiet.Watch) -> Measure:
    """A function that measures a phase on this machine. Each block waits until the machine is quiet."""
    execute = partial(measuring.execute, plan.catalog)

    def measured(phase: Phase, folder: Path, seed: int, progress: Progress) -> None:
        def before_block() -> None:
            identity.require_unchanged(phase)
            watch.before_block()

        leave_server_alone()
        measuring.measure(phase, folder, seed, progress, execute, before_block=before_block)

    return measured


def open_session(
    plan: Plan, force: bool, described: dict[str, Any], *, race: Race | None = None
) -> tuple[Path, Session]:
    """The study's last session on this kind of machine if cases and budget are the same, or else a new one.

    The session found may be finished or interrupted. With `force` it is always a new one.
    """
    same = described["fingerprint"]
    found = [each for each in store.sessions(plan.study.name) if each[1].machine.get("fingerprint") == same]
    if found and not force:
        folder, session = found[-1]
        raced = [each and each.budget_seconds for each in (session.race, race)]
        own, others = ({case.identity for case in each.cases} for each in (plan, session.plan))
        later = [(each.study.open, each.study.latency) for each in (plan, session.plan)]  # cases that come with runs
        if own == others and raced[0] == raced[1] and later[0] == later[1]:
            return folder, session
    session = Session(plan=plan, started=store.now(), seed=time_ns() % 2**32, machine=described, race=race)
    return store.create(session), session


def status(runs: Iterable[Run], unavailable: Iterable[Unavailable]) -> int:
    """The exit status: 1 if a case failed or was wrong; under CI also if anything is unavailable but supported."""
    unavailable = list(unavailable)
    failed = any(run.verdict == "failed" for run in runs) or any(each.kind == "failed" for each in unavailable)
    return int(failed or ("CI" in os.environ and any(each.kind != "unsupported" for each in unavailable)))

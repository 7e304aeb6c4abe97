"""The spine of the lab: catalog → plan → provision → build → verify → measure → store → report, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec

from bench import (
    accounts,
    backend,
    build,
    catalog,
    documents,
    machine,
    peers,
    plan,
    provision,
    quiet,
    racing,
    selftest,
    store,
    system,
    verify,
)
from bench import measure as measuring
from bench.errors import LabError, MissingError
from bench.instruments import gatling_setup, instructions, micro, null
from bench.model import (
    Artifact,
    BuiltPeer,
    Hole,
    Peer,
    Provisioned,
    Race,
    Ready,
    Run,
    Session,
    Stack,
    Study,
    Variant,
    Yardstick,
)
from bench.pinning import leave_server_alone
from bench.plan import Phase
from bench.progress import Progress

Measure = Callable[[Phase, Path, int, Progress], None]
Built = dict[str, Artifact | BuiltPeer]


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
        racing.track(study, plan.phases(study), budget)  # whether there is time enough, before anything is built
    measure = partial(_measure_here, quiet.Watch(progress.say, strict))
    return carry_out(study, make_ready(study, progress, cases), progress, force, measure, budget=budget)


def run_twice(study: Study, progress: Progress) -> None:
    """Measure `study` once more than it was, and a first time before that where this, as it is now, never was.

    A repetition that was interrupted goes on.
    """
    known = [session.finished for _, session in store.sessions(study.name)]
    run(study, progress)
    if not any(known) or known[-1]:
        run(study, progress, force=True)


def make_ready(study: Study, progress: Progress, cases: Path = verify.GOLDEN) -> Ready:
    """Make this machine ready for the study: build and verify its variants, bring documents and load generators."""
    artifacts, holes = prepare(plan.variants(study), progress, plan.servers(study), cases)
    bring_documents(plan.phases(study), progress)
    none = {"macro": generator_missing(study, progress), "instructions": study.instructions and counter_missing()}
    if none["macro"] is None and any(phase.name == "null" for phase in plan.phases(study)):
        none["null"] = null_missing(study, progress)
    missing = {name: hole for name, hole in none.items() if hole}
    unserved = backends_missing(study.workloads, artifacts, progress) if plan.servers(study) else {}
    holes += [hole for lacks in unserved.values() for hole in lacks.values()]
    return Ready(
        machine=machine.describe(), artifacts=artifacts, holes=tuple(holes), missing=missing, unserved=unserved
    )


def carry_out(
    study: Study, ready: Ready, progress: Progress, force: bool, measure: Measure, *, budget: float | None = None
) -> tuple[Path, Session]:
    """The session of the study on what is `ready`, measured phase by phase by `measure`; a finished one as it is.

    `budget` is seconds of measuring: what does not fit is raced.
    """
    clock = accounts.Clock()
    lacking = ready.missing.keys() | ({"null"} if "macro" in ready.missing else set())
    contest_seconds = 0.0 if "macro" in ready.missing else plan.contest_seconds(study)
    phases = [identified(phase, ready) for phase in plan.phases(study) if phase.name not in lacking]
    track = _track(study, phases, ready, budget)
    holes = [*ready.holes, *ready.missing.values(), *plan.declared_holes(study)]
    race = Race(budget_seconds=budget, near=_near(ready)) if budget and track else None
    planned = [*phases, track.first] if track else phases
    folder, session = open_session(study, planned, holes, force, ready.machine, race=race)
    if session.finished:
        return folder, session
    try:
        with progress.measuring(budget if budget and track else sum(map(plan.seconds, phases)) + contest_seconds):
            for phase in phases:
                whole = plan.with_counted_paths(phase, store.runs(folder)) if phase.name == "micro" else phase
                if track and session.race and phase is track.final:
                    for race in _raced(track, session.race, folder, measure, progress):
                        progress.say(racing.said(race))
                        whole = racing.finalists(phase, race)
                measure(whole, folder, session.seed, progress)
            contest = plan.contenders(study, store.runs(folder))
            if contest:
                measure(identified(contest, ready), folder, session.seed, progress)
        micro.merge(folder, store.runs(folder))
    finally:
        session = store.read(folder / "session.json", Session)
        session = msgspec.structs.replace(session, accounts=(*session.accounts, clock.read()))
        store.write(folder / "session.json", session)
    return folder, store.finish(folder, session)


def _track(study: Study, phases: list[Phase], ready: Ready, budget: float | None) -> racing.Track | None:
    """The race to run, where there is a budget that the study does not fit, and a generator of loads."""
    if budget is None or "macro" in ready.missing:
        return None
    track = racing.track(study, phases, budget)
    return msgspec.structs.replace(track, first=identified(track.first, ready)) if track else None


def _raced(track: racing.Track, begun: Race, folder: Path, measure: Measure, progress: Progress) -> Iterator[Race]:
    """A race after each of its rounds, of which the session's record tells, too."""
    session = store.read(folder / "session.json", Session)
    entered = {case.identity for case in track.first.cases}

    def measured(phase: Phase) -> list[Run]:
        measure(phase, folder, session.seed, progress)
        return [run for run in store.runs(folder) if run.case.identity in entered]

    for race in racing.race(track, begun, measured):
        store.write(folder / "session.json", msgspec.structs.replace(session, race=race))
        yield race


def _near(ready: Ready) -> float:
    """How near to the best is as good: the noise floor of server CPU on this machine, if that is more than usual."""
    tested = selftest.latest(ready.machine.get("fingerprint"))
    return max(racing.NEAR, (tested.floor("macro") if tested else None) or 0.0)


def _measure_here(watch: quiet.Watch, phase: Phase, folder: Path, seed: int, progress: Progress) -> None:
    leave_server_alone()
    measuring.measure(phase, folder, seed, progress, measuring.execute, before_block=watch.before_block)


def prepare(
    variants: Iterable[str], progress: Progress, servers: Collection[str] | None = None, cases: Path = verify.GOLDEN
) -> tuple[Built, list[Hole]]:
    """Provision, build and verify each variant or peer; what cannot be had or is wrong becomes a hole."""
    artifacts, holes = build_all(variants, progress, servers)
    for name in [name for name in artifacts if not isinstance(catalog.subject(name), Yardstick)]:
        wrong = _wrong(name, progress, cases)
        if wrong:
            del artifacts[name]
            holes.append(wrong)
    return artifacts, holes


def build_all(
    variants: Iterable[str], progress: Progress, servers: Collection[str] | None = None, force: bool = False
) -> tuple[Built, list[Hole]]:
    """Provision and build each variant or peer, one unchanged at once; what cannot be had or fails becomes a hole.

    Each gets those `servers`, or all that fit. `force` builds what is unchanged, too.
    """
    artifacts: Built = {}
    holes: list[Hole] = []
    known: dict[str, Provisioned | Hole] = {}  # asked for once: a provider that cannot be reached takes its time
    for name in variants:
        subject = catalog.subject(name)
        made = _built(subject, known, progress, () if isinstance(subject, Yardstick) else servers, force)
        if isinstance(made, Hole):
            holes.append(made)
            continue
        artifacts[name] = made
        lacks = made.lacks if isinstance(made, Artifact) else {}
        holes += [msgspec.structs.replace(hole, what=f"{name}/*/{hole.what}") for hole in lacks.values()]
    return artifacts, holes


def required(name: str) -> Artifact | BuiltPeer:
    """What was built of a variant or peer. Raises LabError with the command that builds it."""
    subject = catalog.subject(name)
    return peers.require(subject) if isinstance(subject, Peer) else build.require(name)


def bring_documents(phases: Iterable[Phase], progress: Progress) -> None:
    """Make the documents of every workload that a case asks for, where they are not there yet."""
    for name in dict.fromkeys(case.workload for phase in phases for case in phase.cases if case.workload):
        workload = catalog.workloads()[name]
        if workload.documents:
            with progress.step(f"documents {name}"):
                documents.ensure(workload)


def generator_missing(study: Study, progress: Progress) -> Hole | None:
    """Bring the generators of the study's loads; the hole that one leaves where it cannot be had."""
    loads = [catalog.loads()[name] for name in study.loads]
    loads += [catalog.loads()[load.brief] for load in loads if load.brief]
    generators = {load.generator for load in loads}
    try:
        subjects = (*study.variants, *study.peers)
        warmed = any(catalog.seconds_to_warm(name, load) for load in loads for name in subjects)
        if "wrk" in generators or warmed or any(load.capacity_seconds for load in loads):
            system.require(("wrk",))
        if "gatling" in generators:
            with progress.step("the load generator"):
                gatling_setup.provision()
    except MissingError as missing:
        return Hole(what="every load", reason=str(missing), fill=missing.fill)
    return None


def backends_missing(
    workloads: Iterable[str], variants: Iterable[str], progress: Progress
) -> dict[str, dict[str, Hole]]:
    """Bring the back ends of the workloads; by variant and workload, the hole that one leaves there."""
    lacks: dict[str, dict[str, Hole]] = {}
    asked = [workload for name in workloads if (workload := catalog.workloads()[name]).backend]
    for variant, workload in ((variant, workload) for variant in variants for workload in asked):
        what = f"{variant}/*/*, {workload.name}"
        if variant in catalog.peers():
            reason = f"a peer has no driver for {workload.backend}"
            lacks.setdefault(variant, {})[workload.name] = Hole(what=what, reason=reason, declared=True)
            continue
        try:
            with progress.step(f"back end {workload.backend} for {variant}"):
                backend.provision(catalog.backends()[workload.backend or ""], variant)
        except MissingError as missing:
            hole = Hole(what=what, reason=str(missing), fill=missing.fill)
            lacks.setdefault(variant, {})[workload.name] = hole
    return lacks


def null_missing(study: Study, progress: Progress) -> Hole | None:
    """Bring the null server; the hole that it leaves where it cannot be had."""
    try:
        with progress.step("the null server"):
            null.provision(study.baseline)
    except MissingError as missing:
        return Hole(what="the null server", reason=str(missing), fill=missing.fill)
    except LabError as error:
        return Hole(what="the null server", reason=str(error))
    return None


def counter_missing() -> Hole | None:
    """Make ready to count instructions; the hole that it leaves where that cannot be had."""
    try:
        instructions.provision()
    except MissingError as missing:
        return Hole(what="every instruction count", reason=str(missing), fill=missing.fill)
    return None


def _built(
    subject: Variant | Peer,
    known: dict[str, Provisioned | Hole],
    progress: Progress,
    servers: Collection[str] | None,
    force: bool,
) -> Artifact | BuiltPeer | Hole:
    """What was built, or the hole that it leaves; an interpreter is looked for where it is not `known`."""
    try:
        if isinstance(subject, Peer):
            with progress.step(f"runtime {subject.runtime}, build {subject.name}"):
                return peers.make(subject, force)
        if subject.interpreter not in known:
            with progress.step(f"interpreter {subject.interpreter}"):
                known[subject.interpreter] = provision.provision(catalog.interpreters()[subject.interpreter])
        interpreter = known[subject.interpreter]
        if isinstance(interpreter, Hole):
            return msgspec.structs.replace(interpreter, what=subject.name)
        with progress.step(f"build {subject.name}"):
            return build.build(subject, interpreter, servers, force)
    except MissingError as missing:
        return Hole(what=subject.name, reason=str(missing), fill=missing.fill)
    except LabError as error:
        return Hole(what=subject.name, reason=str(error), fill=f"python -m bench build {subject.name}", failed=True)


def _wrong(name: str, progress: Progress, cases: Path) -> Hole | None:
    """The hole that a built variant or peer leaves if it answers any of `cases` wrong."""
    peer = name in catalog.peers()
    try:
        with progress.step(f"check {name}"):
            checked = verify.check_stack(Stack(variant=name), cases) if peer else verify.check_variant(name, cases)
        if not checked.mismatches:
            return None
        reason = f"{len(checked.mismatches)} of {checked.cases} cases wrong, first {checked.mismatches[0]}"
    except LabError as error:
        reason = str(error)
    fill = f"python -m bench check {'--stack' if peer else '--variant'} {name}"
    return Hole(what=name, reason=reason, fill=fill, failed=True)


def identified(phase: Phase, ready: Ready) -> Phase:
    """The phase with the cases whose variant is built, with its server and back end, each with its inputs' hashes."""
    code = plan.harness()
    cases = [
        plan.identified(case, artifact, ready.generator, code)
        for case in phase.cases
        if (artifact := ready.artifacts.get(case.variant)) and not _lacks(artifact, case.stack)
        if not (case.stack and case.workload in ready.unserved.get(case.variant, {}))
    ]
    return msgspec.structs.replace(phase, cases=tuple(cases))


def _lacks(artifact: Artifact | BuiltPeer, stack: Stack | None) -> bool:
    """Whether the server of a stack could not be installed beside its variant."""
    return isinstance(artifact, Artifact) and stack is not None and stack.server in artifact.lacks


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
    )
    return store.create(session), session


def status(runs: Iterable[Run], holes: Iterable[Hole]) -> int:
    """The exit status: 1 if a case failed or was wrong, and under CI also for a hole that is not declared."""
    holes = list(holes)
    failed = any(run.verdict == "failed" for run in runs) or any(hole.failed for hole in holes)
    return int(failed or ("CI" in os.environ and any(not hole.declared for hole in holes)))

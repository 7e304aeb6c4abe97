"""A study over many machines: blocks handed out by a dask scheduler to workers, one a machine, one block at a time.

A ratio holds within one machine only, so what is handed out is a block: all its cases on one machine, the baseline
among them. Equal machines share the blocks of a session; each kind of machine answers the study in one of its own. A
block comes back whole or not at all: that of a lost machine is measured anew by one that equals it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
from distributed import Client, Future, KilledWorker

from bench import pipeline, store
from bench.errors import LabError
from bench.fleet import worker
from bench.fleet.worker import Badge, Block, LostError, Role
from bench.measure import blocks
from bench.model import Artifact, BuiltPeer, Phase, Plan, Ready, Session
from bench.progress import Progress

NOT_ALLOWED = (
    "a load generator is among the workers: with --allow-remote-load each server listens on its machine's private "
    "address for it; without, end that worker"
)
NO_GENERATOR = "--allow-remote-load, but no load generator is there: start `python -m bench worker ADDRESS --generator`"
GO_ON = "what was measured is kept: start a worker there, then the same command goes on"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Equal machines by their workers' addresses, what each has for the study, and its load's generators, if any."""

    workers: tuple[str, ...]
    ready: Ready
    generators: tuple[str, ...] = ()


def run(
    plan: Plan, address: str, progress: Progress, *, force: bool = False, remote_load: bool = False
) -> list[tuple[Path, Session]]:
    """Answer the plan's question once for each kind of machine that works for the scheduler: its folder and record.

    With `remote_load` the loads come from workers that are generators. Raises LabError if no scheduler answers, if no
    machine fits, or if all of a kind are lost; what was measured is kept, and the next run goes on.
    """
    with _connected(address) as client:
        machines, generators = (_admitted(client, role, progress) for role in ("machine", "generator"))
        if generators and not remote_load:
            raise LabError(NOT_ALLOWED)
        if remote_load and not generators:
            raise LabError(NO_GENERATOR)
        loads = _kinds(client, generators, partial(worker.ready_to_load, plan), progress) if generators else []
        if len(loads) > 1:
            raise LabError("the load generators are unlike machines: keep those of one kind, and end the other workers")
        kinds = _kinds(client, machines, partial(worker.make_ready, plan), progress)
        kinds = [_loaded_by(loads[0], kind) for kind in kinds] if loads else kinds
        return [pipeline.carry_out(plan, kind.ready, progress, force, _measuring(client, kind, plan)) for kind in kinds]


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=worker.SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise LabError(f"no dask scheduler answers at {address!r}: {error}") from error
    with client:
        yield client


def _admitted(client: Client, role: Role, progress: Progress) -> list[str]:
    """The workers of that role, one a machine, that run this very commit; of each other one it is said why not."""
    found = client.scheduler_info()["workers"]
    asked = sorted(address for address, about in found.items() if about["resources"].get(role))
    if not asked:
        return []
    badges = client.run(worker.badge, workers=asked, on_error="return")
    admitted: dict[str, str] = {}
    for address in asked:
        badge = badges[address]
        reason = _misfit(badge) or (badge.mark in admitted and f"{admitted[badge.mark]} works on the same machine")
        if reason:
            progress.say(f"refused: the {role} at {address}: {reason}")
        else:
            admitted[badge.mark] = address
    return list(admitted.values())


def _misfit(badge: Badge | BaseException) -> str | None:
    """Why a worker cannot take part, by what it said of itself; None if it can."""
    if isinstance(badge, BaseException):
        return f"it is no worker of this lab ({badge}): start it by `python -m bench worker`"
    if badge.runs != worker.COMMIT:
        return f"it runs commit {badge.runs}, this is {worker.COMMIT}: check out the same one there, and start it again"
    if badge.checked_out != badge.runs:
        return f"it runs commit {badge.runs} while {badge.checked_out} is checked out: start it again"
    return None


def _kinds(client: Client, workers: list[str], make: Callable[[], Ready], progress: Progress) -> list[Kind]:
    """The workers made ready, equal machines together; one that is not to be had, or unlike its equals, is refused.

    Raises LabError if none is left.
    """
    tasks = {client.submit(make, workers=[each], pure=False): [each] for each in workers}
    with progress.step(f"{len(workers)} workers make themselves ready"):
        made = {tasks[task][0]: _made(task, lost) for task, lost in worker.ended(client, tasks)}
    kinds: dict[str, Kind] = {}
    for address in workers:
        ready = made[address]
        if isinstance(ready, str):
            progress.say(f"refused: the worker at {address}: {ready}")
            continue
        kind = kinds.get(ready.machine["fingerprint"], Kind(workers=(), ready=ready))
        unlike = _unlike(kind.ready, ready)
        if unlike:
            reason = f"the machine equals that of {kind.workers[0]}, its {', '.join(unlike)} not"
            progress.say(
                f"refused: the worker at {address}: {reason}; `python -m bench build` on both, and start again"
            )
            continue
        kinds[ready.machine["fingerprint"]] = Kind(workers=(*kind.workers, address), ready=kind.ready)
    if not kinds:
        raise LabError("no machine can take part: start `python -m bench worker ADDRESS` on each; see docs/fleet.md")
    return list(kinds.values())


def _made(task: Future[Ready], lost: bool) -> Ready | str:
    """What a machine has for the study, or why it has nothing."""
    if lost:
        return "it was lost while it made itself ready"
    try:
        return task.result()
    except (LabError, KilledWorker) as error:
        return str(error)


def _unlike(one: Ready, other: Ready) -> list[str]:
    """What equal machines do not have alike: variants, and what whole phases need, by name."""
    ones, others = ({name: _made_of(made) for name, made in ready.artifacts.items()} for ready in (one, other))
    variants = sorted(name for name in ones.keys() | others.keys() if ones.get(name) != others.get(name))
    return variants + sorted(one.missing.keys() ^ other.missing.keys())


def _made_of(made: Artifact | BuiltPeer) -> tuple[object, ...]:
    if isinstance(made, BuiltPeer):
        return made.fingerprint, made.version
    return made.fingerprint, made.wheel_sha256, sorted(made.lacks)


def _loaded_by(generators: Kind, kind: Kind) -> Kind:
    """The same machines with their load from those generators."""
    there = generators.ready
    missing = {name: lack for name, lack in kind.ready.missing.items() if name != "macro"} | there.missing
    ready = msgspec.structs.replace(kind.ready, missing=missing, generator=there.machine["fingerprint"])
    return msgspec.structs.replace(kind, ready=ready, generators=generators.workers)


def _measuring(client: Client, kind: Kind, plan: Plan) -> pipeline.Measure:
    """Measures a phase on the machines of `kind`: what `measure.measure` does on this one."""

    def measured(phase: Phase, session: Path, seed: int, progress: Progress) -> None:
        tasks: dict[Future[Block], int] = {}
        for block in blocks.unmeasured(phase, session, progress):
            generator = kind.generators[block % len(kind.generators)] if kind.generators else None
            what = (plan.catalog, phase.name, block, blocks.shuffled(phase, block, seed), generator)
            task = client.submit(
                worker.measure_block, *what, workers=kind.workers, resources={"machine": 1}, pure=False
            )
            tasks[task] = block
        for task, lost in worker.ended(client, dict.fromkeys(tasks, kind.workers)):
            if lost:
                raise LabError(f"the machine of {' and of '.join(kind.workers)} is lost; {GO_ON}")
            _keep(
                _block(task, f"block {tasks[task]} of {phase.name}"),
                store.block_folder(session, phase.name, tasks[task]),
                progress,
            )

    return measured


def _block(task: Future[Block], name: str) -> Block:
    try:
        return task.result()
    except (KilledWorker, LostError) as error:
        raise LabError(f"{name} was not measured: {error}; {GO_ON}") from error


def _keep(block: Block, folder: Path, progress: Progress) -> None:
    """Store what came back, the records of runs last: a block is whole once they are all there."""
    worker.unpack(block.raw, folder)
    for run in block.runs:
        store.save(folder, run)
        progress.case(run.case, run)

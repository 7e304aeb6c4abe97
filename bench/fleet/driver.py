"""Run a study on many machines: a dask scheduler distributes blocks to workers, one worker per machine.

Ratios are valid only within one machine, so the unit of work is a block: all its cases, including the baseline, run on
one machine. Equal machines share the blocks of one session. Each kind of machine has its own session. A block is
returned as a whole: if its machine is lost, an equal machine measures it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
from distributed import Client, Future, KilledWorker

from bench import pipeline, store
from bench.errors import LabError, LostError
from bench.fleet import worker
from bench.fleet.worker import Badge, Block, Role
from bench.measure import blocks
from bench.model import Artifact, BuiltPeer, Phase, Plan, Ready, Session
from bench.progress import Progress

NOT_ALLOWED = (
    "a worker is a load generator: end it, or use --allow-remote-load, which lets servers listen at the private "
    "addresses of their machines"
)
NO_GENERATOR = "--allow-remote-load requires a load generator: start `python -m bench worker ADDRESS --generator`"
GO_ON = "finished runs are kept: start a worker there and run the same command again"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Equal machines: the addresses of their workers, their readiness, and the addresses of their load generators."""

    workers: tuple[str, ...]
    ready: Ready
    generators: tuple[str, ...] = ()


def run(
    plan: Plan, address: str, progress: Progress, *, force: bool = False, remote_load: bool = False
) -> list[tuple[Path, Session]]:
    """Carry out the plan once for each kind of machine. Returns the folder and the record of each session.

    With `remote_load` the loads come from workers that are load generators. Raises LabError if no scheduler answers, no
    machine can take part, or all machines of a kind are lost. Finished runs are kept, and the next run continues.
    """
    with _connected(address) as client:
        machines, generators = (_admitted(client, role, progress) for role in ("machine", "generator"))
        if generators and not remote_load:
            raise LabError(NOT_ALLOWED)
        if remote_load and not generators:
            raise LabError(NO_GENERATOR)
        loads = _kinds(client, generators, partial(worker.ready_to_load, plan), progress) if generators else []
        if len(loads) > 1:
            raise LabError("the load generators are different machines: keep those of one kind and end the others")
        kinds = _kinds(client, machines, partial(worker.make_ready, plan), progress)
        kinds = [_loaded_by(loads[0], kind) for kind in kinds] if loads else kinds
        return [pipeline.carry_out(plan, kind.ready, progress, force, _measuring(client, kind, plan)) for kind in kinds]


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=worker.SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise LabError(f"no dask scheduler at {address!r}: {error}") from error
    with client:
        yield client


def _admitted(client: Client, role: Role, progress: Progress) -> list[str]:
    """Return the workers of `role` that run this commit, one per machine. The others are reported with the reason."""
    found = client.scheduler_info()["workers"]
    candidates = sorted(address for address, about in found.items() if about["resources"].get(role))
    if not candidates:
        return []
    badges = client.run(worker.badge, workers=candidates, on_error="return")
    admitted: dict[str, str] = {}
    for address in candidates:
        badge = badges[address]
        reason = _mismatch(badge) or (badge.mark in admitted and f"{admitted[badge.mark]} runs on the same machine")
        if reason:
            progress.say(f"refused: the {role} at {address}: {reason}")
        else:
            admitted[badge.mark] = address
    return list(admitted.values())


def _mismatch(badge: Badge | BaseException) -> str | None:
    """Return the reason why a worker cannot take part, or None if it can."""
    if isinstance(badge, BaseException):
        return f"not a worker of this lab ({badge}): start it with `python -m bench worker`"
    if badge.runs != worker.COMMIT:
        return f"it runs commit {badge.runs} instead of {worker.COMMIT}: check out this commit there and restart it"
    if badge.checked_out != badge.runs:
        return f"it runs commit {badge.runs} but {badge.checked_out} is checked out: restart it"
    return None


def _kinds(client: Client, workers: list[str], make: Callable[[], Ready], progress: Progress) -> list[Kind]:
    """Run `make` on each worker and group equal machines. Failed and inconsistent workers are reported.

    Raises LabError if none is left.
    """
    tasks = {client.submit(make, workers=[each], pure=False): [each] for each in workers}
    with progress.step(f"preparing {len(workers)} workers"):
        made = {tasks[task][0]: _ready_or_reason(task, lost) for task, lost in worker.ended(client, tasks)}
    kinds: dict[str, Kind] = {}
    for address in workers:
        ready = made[address]
        if isinstance(ready, str):
            progress.say(f"refused: the worker at {address}: {ready}")
            continue
        kind = kinds.get(ready.machine["fingerprint"], Kind(workers=(), ready=ready))
        different = _different(kind.ready, ready)
        if different:
            reason = f"{', '.join(map(repr, different))} differs from the equal machine of {kind.workers[0]}"
            progress.say(f"refused: the worker at {address}: {reason}: rebuild on both with `python -m bench build`")
            continue
        kinds[ready.machine["fingerprint"]] = Kind(workers=(*kind.workers, address), ready=kind.ready)
    if not kinds:
        raise LabError("no machine can take part: start `python -m bench worker ADDRESS` on each; see docs/fleet.md")
    return list(kinds.values())


def _ready_or_reason(task: Future[Ready], lost: bool) -> Ready | str:
    """Return the readiness of a machine, or the reason of its failure."""
    if lost:
        return "lost during preparation"
    try:
        return task.result()
    except (LabError, KilledWorker) as error:
        return str(error)


def _different(one: Ready, other: Ready) -> list[str]:
    """Return the names of variants and of phases' requirements that differ between two machines."""
    ones, others = ({name: _made_of(made) for name, made in ready.artifacts.items()} for ready in (one, other))
    variants = sorted(name for name in ones.keys() | others.keys() if ones.get(name) != others.get(name))
    return variants + sorted(one.missing.keys() ^ other.missing.keys())


def _made_of(made: Artifact | BuiltPeer) -> tuple[object, ...]:
    if isinstance(made, BuiltPeer):
        return made.fingerprint, made.version
    return made.fingerprint, made.content_sha256, sorted(made.lacks)


def _loaded_by(generators: Kind, kind: Kind) -> Kind:
    """Return `kind` with its load generated by `generators`."""
    remote = generators.ready
    missing = {name: each for name, each in kind.ready.missing.items() if name != "macro"} | remote.missing
    ready = msgspec.structs.replace(kind.ready, missing=missing, generator=remote.machine["fingerprint"])
    return msgspec.structs.replace(kind, ready=ready, generators=generators.workers)


def _measuring(client: Client, kind: Kind, plan: Plan) -> pipeline.Measure:
    """Return a function that measures a phase on the machines of `kind`, as `blocks.measure` does on this machine."""

    def measure(phase: Phase, session: Path, seed: int, progress: Progress) -> None:
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
                raise LabError(f"lost the worker at {' and at '.join(kind.workers)}; {GO_ON}")
            _keep(
                _block(task, f"block {tasks[task]} of {phase.name}"),
                store.block_folder(session, phase.name, tasks[task]),
                progress,
            )

    return measure


def _block(task: Future[Block], name: str) -> Block:
    try:
        return task.result()
    except (KilledWorker, LostError) as error:
        raise LabError(f"{name} was not measured: {error}; {GO_ON}") from error


def _keep(block: Block, folder: Path, progress: Progress) -> None:
    """Store a returned block. The records of runs come last, because they make the block complete."""
    worker.unpack(block.raw, folder)
    for run in block.runs:
        store.save(folder, run)
        progress.case(run.case, run)

"""One machine of a fleet: a dask worker that makes itself ready for a study, and measures or loads, a task at a time.

What stands here runs on that machine, called by `fleet`; it measures as `run` does, and sends whole blocks back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
import psutil
from distributed import Client, Future, Worker, get_client, get_worker, wait
from distributed.comm.addressing import get_address_host

from bench import readiness, store
from bench.errors import LabError
from bench.host import machine
from bench.host.pinning import cores, leave_server_alone
from bench.measure import blocks, identity
from bench.measure.instruments import driving, macro, null
from bench.model import Case, Catalog, Plan, Ready, Run
from bench.paths import DOCUMENTS, LAB
from bench.progress import Progress

Role = Literal["machine", "generator"]
Files = dict[str, bytes]

FLEET = LAB / "fleet"
SCHEDULER_SECONDS = 10.0  # how long a scheduler is waited for
LOOK_SECONDS = 2.0  # how often it is looked whether the workers of a task are still there
COMMIT = machine.commit()  # of the code that this process runs: what is checked out may change under it


class LostError(Exception):
    """A machine that is gone; no fault of the case, so no run is kept of it."""


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """Which machine a worker runs on, the commit that it runs, and the one that is checked out there now."""

    mark: str
    runs: str | None
    checked_out: str | None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of a whole block, and what the tools wrote, by path within the block's folder."""

    runs: tuple[Run, ...]
    raw: Files


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What a load yielded on the generator's machine, by its clock, and what the generator wrote."""

    outcome: Any
    raw: Files


def work(address: str, role: Role) -> None:
    """Work for the scheduler at `address` until it goes or a signal ends this; a signal ends what it started, too.

    Raises LabError if no scheduler answers there.
    """
    try:
        get_address_host(address)
    except ValueError as error:
        raise LabError(f"invalid scheduler {address!r}: use an address such as tcp://10.0.0.1:8786") from error
    leave_server_alone()
    shutil.rmtree(FLEET, ignore_errors=True)
    asyncio.run(_work(address, role))


async def _work(address: str, role: Role) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        worker = await Worker(
            address,
            nthreads=1,
            resources={role: 1},
            memory_limit=0,
            local_directory=str(_room()),
            death_timeout=SCHEDULER_SECONDS,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise LabError(f"no dask scheduler answers at {address!r}: {error}") from error
    ends = {asyncio.ensure_future(worker.finished()), asyncio.ensure_future(told.wait())}
    _, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    await worker.close(executor_wait=False)


def badge() -> Badge:
    """What is asked of every worker before anything else."""
    return Badge(mark=machine.mark(), runs=COMMIT, checked_out=machine.commit())


def make_ready(plan: Plan) -> Ready:
    """Everything that the plan needs on this machine; its terminal shows how that goes on."""
    return readiness.make_ready(plan, Progress())


def ready_to_load(plan: Plan) -> Ready:
    """What generating load for the plan needs."""
    readiness.bring_documents(plan, Progress())
    none = readiness.generator_missing(plan, Progress())
    return Ready(machine=machine.describe(), artifacts={}, missing={"macro": none} if none else {})


def measure_block(catalog: Catalog, phase: str, block: int, cases: list[Case], generator: str | None) -> Block:
    """Measure a whole block here, its cases in that order, the load from the worker at `generator` if one is named.

    Raises LabError if a case is not the one that was planned: what it is made of is another one here by now.
    """
    code = cache(identity.harness)
    for case in cases:
        built = readiness.required(catalog, case.variant)
        if identity.identified(catalog, case, built, case.inputs.get("generator"), code) != case:
            raise LabError(f"{case.label} is made of something else here by now: start this worker again, then the run")
    instruments = blocks.INSTRUMENTS
    if generator:
        at = partial(partial, drive_from, generator)
        instruments = instruments | {
            "macro": partial(macro.observe, at=at, host=private_address()),
            "null": partial(null.observe, at=at, host=private_address()),
        }
    with TemporaryDirectory(dir=_room()) as session:
        folder = store.block_folder(Path(session), phase, block)
        for case in cases:
            store.save(folder, blocks.execute(catalog, case, block, folder, instruments))
        runs = tuple(store.runs(Path(session)))
        return Block(runs=runs, raw=files(folder, leave=frozenset(f"{run.case.identity}.json" for run in runs)))


def private_address() -> str:
    """This machine's address within the fleet, for a server to listen at. Raises LabError if it is a public one."""
    host: str = get_address_host(get_worker().address)
    if not ipaddress.ip_address(host).is_private:
        raise LabError(f"{host} is a public address: no server is made to listen there; use a private network")
    return host


def drive_from(
    generator: str, tool: driving.Tool, *about: object, output: Path, documents: Path | None, **more: object
) -> Any:
    """What `tool`, called as on this machine, yields on that of the worker at `generator`, by this machine's clock.

    All of that machine's cores drive: it serves nothing. Raises LostError if it is lost: no other one goes on, as the
    server is not fresh any more.
    """
    client = get_client()
    folder = documents and documents.relative_to(DOCUMENTS)
    what = (tool, about, more, output.name, folder)
    task = client.submit(drive, *what, workers=[generator], resources={"generator": 1}, pure=False)
    if any(lost for _, lost in ended(client, {task: [generator]})):
        raise LostError(f"the load generator at {generator} was lost")
    driven = task.result()
    unpack(driven.raw, output.parent)
    ahead = clock_ahead(client, generator)
    outcome = driven.outcome
    return msgspec.structs.replace(outcome, started=outcome.started - ahead, ended=outcome.ended - ahead)


def drive(
    tool: driving.Tool, about: tuple[object, ...], more: dict[str, object], output: str, documents: Path | None
) -> Returned:
    """Call `tool` here; `output` is the name of what it writes, `documents` a folder below that of all documents."""
    folder = documents and DOCUMENTS / documents
    with TemporaryDirectory(dir=_room()) as room:
        here = {"output": Path(room) / output, "cpus": cores().server | cores().generator, "documents": folder}
        outcome = tool(*about, **more | here)
        return Returned(outcome=outcome, raw=files(Path(room)))


def clock_ahead(client: Client, worker: str) -> float:
    """How many seconds the clock of `worker` is ahead of this one, by the quickest of five answers."""
    answers = []
    for _ in range(5):
        before = time.time()
        theirs: float = client.run(_clock, workers=[worker])[worker]
        after = time.time()
        answers.append((after - before, theirs - (before + after) / 2))
    return min(answers)[1]


def ended(client: Client, tasks: Mapping[Future[Any], Collection[str]]) -> Iterator[tuple[Future[Any], bool]]:
    """Each task as it ends, and whether it was lost: it waits, and none of the workers that may do it is left."""
    left = dict(tasks)
    while left:
        with suppress(TimeoutError), client.as_current():
            wait(list(left), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
        here = client.nthreads()
        for task, workers in list(left.items()):
            if task.done() or here.keys().isdisjoint(workers):
                del left[task]
                yield task, not task.done()


def files(folder: Path, leave: frozenset[str] = frozenset()) -> Files:
    """Every file below `folder` by its path there, but for those that are called as one of `leave`."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in leave)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def unpack(packed: Files, folder: Path) -> None:
    """Write what `files` read below `folder`."""
    for name, content in packed.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _clock() -> float:
    return time.time()


def _room() -> Path:
    """Where this machine's worker has its files, of which the coming ones need none; a checkout may be shared."""
    room = FLEET / machine.mark()
    room.mkdir(parents=True, exist_ok=True)
    return room

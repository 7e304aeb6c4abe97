"""One machine of a fleet: a dask worker that prepares a study, and then measures blocks or generates loads.

The driver calls these functions on that machine, one at a time. They measure as `run` does and return whole blocks.
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
from distributed import Client, Future, KilledWorker, Worker, get_client, get_worker, wait
from distributed.comm.addressing import get_address_host

from bench import store
from bench.errors import LabError, LostError
from bench.host import exclusive, machine
from bench.host.pinning import cores, leave_server_alone
from bench.measure import blocks, identity
from bench.measure.instruments import driving, macro, null
from bench.model import Case, Catalog, Plan, Ready, Run
from bench.paths import DOCUMENTS, LAB
from bench.progress import Progress
from bench.readiness import building, setup
from bench.readiness.instruments import bring_documents, generator_missing

Role = Literal["machine", "generator"]
Files = dict[str, bytes]

FLEET = LAB / "fleet"
SCHEDULER_SECONDS = 10.0  # timeout of the scheduler
LOOK_SECONDS = 2.0  # interval of the checks for lost workers
COMMIT = machine.commit()  # of this process's code; the checkout may change while it runs


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """The mark of a worker's machine, the commit that the worker runs, and the commit that is checked out there."""

    mark: str
    runs: str | None
    checked_out: str | None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of a block, and the outputs of its tools by path within the block's folder."""

    runs: tuple[Run, ...]
    raw: Files


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a load by the clock of the generator's machine, and the generator's output files."""

    result: Any
    raw: Files


def work(address: str, role: Role) -> None:
    """Work for the scheduler at `address` until it ends or a signal arrives, which also ends all child processes.

    Raises LabError if no scheduler answers.
    """
    try:
        get_address_host(address)
    except ValueError as error:
        raise LabError(f"invalid scheduler {address!r}: use an address such as tcp://10.0.0.1:8786") from error
    leave_server_alone()
    shutil.rmtree(FLEET / machine.mark(), ignore_errors=True)  # what a killed worker left; other machines work on
    asyncio.run(_work(address, role))


async def _work(address: str, role: Role) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        worker = await Worker(
            address,
            nthreads=1,
            resources={role: 1},
            memory_limit=0,
            local_directory=str(_scratch()),
            death_timeout=SCHEDULER_SECONDS,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise LabError(f"no dask scheduler at {address!r}: {error}") from error
    ends = {asyncio.ensure_future(worker.finished()), asyncio.ensure_future(stop.wait())}
    _, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    await worker.close(executor_wait=False)


def badge() -> Badge:
    """Return this worker's badge, the first request to every worker."""
    return Badge(mark=machine.mark(), runs=COMMIT, checked_out=machine.commit())


def make_ready(plan: Plan) -> Ready:
    """Prepare this machine for the plan, with the progress on its terminal."""
    return setup.make_ready(plan, Progress())


def ready_to_load(plan: Plan) -> Ready:
    """Prepare this machine for generating the plan's loads."""
    bring_documents(plan, Progress())
    missing = generator_missing(plan, Progress())
    return Ready(machine=machine.describe(), artifacts={}, missing={"macro": missing} if missing else {})


def measure_block(catalog: Catalog, phase: str, block: int, cases: list[Case], generator: str | None) -> Block:
    """Measure the cases of a block in this order, with the load from the worker at `generator` if there is one.

    Raises LabError if the inputs of a case on this machine have changed since the plan, or if another process measures.
    """
    code = cache(identity.harness)
    for case in cases:
        built = building.required(catalog, case.variant)
        if identity.identify(catalog, case, built, case.inputs.get("generator"), code) != case:
            raise LabError(f"the inputs of {case.label} changed on this machine: restart this worker, then the run")
    instruments = blocks.INSTRUMENTS
    if generator:
        at = partial(partial, drive_from, generator)
        instruments = instruments | {
            "macro": partial(macro.observe, at=at, host=private_address()),
            "null": partial(null.observe, at=at, host=private_address()),
        }
    with exclusive.measuring(), TemporaryDirectory(dir=_scratch()) as session:
        folder = store.block_folder(Path(session), phase, block)
        for case in cases:
            store.save(folder, blocks.execute(catalog, case, block, folder, instruments))
        runs = tuple(store.runs(Path(session)))
        return Block(runs=runs, raw=files(folder, exclude=frozenset(f"{run.case.identity}.json" for run in runs)))


def private_address() -> str:
    """Return this machine's address within the fleet, at which servers listen. Raises LabError if it is public."""
    host: str = get_address_host(get_worker().address)
    if not ipaddress.ip_address(host).is_private:
        raise LabError(f"servers must not listen at the public address {host}: use a private network")
    return host


def drive_from(
    generator: str, tool: driving.Tool, *arguments: object, output: Path, documents: Path | None, **options: object
) -> Any:
    """Run `tool` on the machine of the worker at `generator`, and return its result by this machine's clock.

    The tool uses all cores of that machine. Raises LostError if the machine is lost: no other one can continue, because
    the server is no longer fresh.
    """
    client = get_client()
    folder = documents and documents.relative_to(DOCUMENTS)
    what = (tool, arguments, options, output.name, folder)
    task = client.submit(drive, *what, workers=[generator], resources={"generator": 1}, pure=False)
    if any(lost for _, lost in ended(client, {task: [generator]})):
        raise LostError(f"the load generator at {generator} was lost")
    try:
        returned = task.result()
    except KilledWorker as error:
        raise LostError(f"the load generator at {generator} was lost: {error}") from error
    unpack(returned.raw, output.parent)
    ahead = clock_ahead(client, generator)
    result = returned.result
    return msgspec.structs.replace(result, started=result.started - ahead, ended=result.ended - ahead)


def drive(
    tool: driving.Tool, arguments: tuple[object, ...], options: dict[str, object], output: str, documents: Path | None
) -> LoadResult:
    """Call `tool` on this machine. `output`: name of its output. `documents`: path relative to `DOCUMENTS`."""
    folder = documents and DOCUMENTS / documents
    with TemporaryDirectory(dir=_scratch()) as scratch:
        local = {"output": Path(scratch) / output, "cpus": cores().server | cores().generator, "documents": folder}
        result = tool(*arguments, **options | local)
        return LoadResult(result=result, raw=files(Path(scratch)))


def clock_ahead(client: Client, worker: str) -> float:
    """Return the seconds by which the clock of `worker` is ahead of this one, from the quickest of five answers."""
    answers = []
    for _ in range(5):
        before = time.time()
        theirs: float = client.run(_clock, workers=[worker])[worker]
        after = time.time()
        answers.append((after - before, theirs - (before + after) / 2))
    return min(answers)[1]


def ended(client: Client, tasks: Mapping[Future[Any], Collection[str]]) -> Iterator[tuple[Future[Any], bool]]:
    """Yield each task when it ends, and whether it is lost: not done, and none of its possible workers is left."""
    pending = dict(tasks)
    while pending:
        with suppress(TimeoutError), client.as_current():
            wait(list(pending), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
        alive = client.nthreads()
        for task, workers in list(pending.items()):
            if task.done() or alive.keys().isdisjoint(workers):
                del pending[task]
                yield task, not task.done()


def files(folder: Path, exclude: frozenset[str] = frozenset()) -> Files:
    """Return the contents of every file below `folder` by relative path, except those with a name in `exclude`."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in exclude)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def unpack(packed: Files, folder: Path) -> None:
    """Write the files that `files` returned to `folder`."""
    for name, content in packed.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _clock() -> float:
    return time.time()


def _scratch() -> Path:
    """Return the scratch directory of this machine. There is one per machine, because machines may share a checkout."""
    scratch = FLEET / machine.mark()
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch

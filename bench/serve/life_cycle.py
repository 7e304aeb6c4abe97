"""The life cycle of a stack: started on a free port, ready at its first right answer, ended by SIGTERM.

Processes that SIGTERM does not end are killed and reported as an error.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from bench.catalog import pairing
from bench.documents.answers import difference
from bench.errors import RIGHT, LabError
from bench.host import accounts, cpu_time
from bench.host.cgroup import group
from bench.host.cpu_time import Meter
from bench.host.limits import Limited, limited
from bench.host.pinning import pinned
from bench.model import Catalog, Exchange, Limit, Stack
from bench.paths import LOGS, PREFIXES
from bench.serve import application, http_client, process, proxy, start_command
from bench.serve.backend import RunningBackend, backend_for
from bench.serve.container import Container, contained
from bench.serve.ports import LOOPBACK, free_port, require_free

HOST = LOOPBACK  # the address a server listens at, unless its load comes from another machine
READY_SECONDS = 60.0
POLL_SECONDS = 0.002
STOP_SECONDS = 10.0
BAD_GATEWAY = 502  # a proxy's answer while its server does not listen yet


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server that is ready. `ready_seconds`: spawn to first right answer. `cpu`: meter of its total CPU time.

    `front`: its proxy, if that has a process tree of its own.
    `provenance`: the file in which the process of an application says what runs it. `backend`: the one behind it.
    `limited`: its group, if it runs within a limit.
    """

    name: str
    host: str
    port: int
    process: psutil.Process
    front: psutil.Process | None = None
    ready_seconds: float
    cpu: Meter
    log: Path
    provenance: Path | None = None
    backend: RunningBackend | None = None
    limited: Limited | None = None

    @property
    def trees(self) -> tuple[psutil.Process, ...]:
        """The roots of its process trees."""
        return (self.process, self.front) if self.front else (self.process,)

    @property
    def url(self) -> str:
        """`http://host:port`, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(
    catalog: Catalog,
    stack: Stack,
    first: Exchange,
    log: Path,
    cpus: frozenset[int],
    *,
    port: int | None = None,
    host: str = HOST,
    backend: RunningBackend | None = None,
    limit: Limit | None = None,
    workers: int = 1,
) -> Iterator[RunningServer]:
    """Serve `stack` on `cpus` during the block; see `launched`. Its `/wait` queries `backend` if there is one.

    A backend that its server's tuning needs is started before it and ended after it.
    """
    if port is None:
        port = free_port(host)
    else:
        require_free(port, host)
    prefix = catalog.peers[stack.variant].build if stack.is_peer else stack.variant
    paths = {"folder": PREFIXES / prefix, "log": log}
    variant = None if stack.is_peer else catalog.variant(stack.variant)
    tuning = pairing.tuning_of(catalog, stack)
    with (
        TemporaryDirectory(prefix="bench-") as scratch,  # in /tmp, because a socket's path must be short
        backend_for(catalog, tuning.backend if tuning else None, log.with_suffix(".backend.log")) as behind,
        ExitStack() as life,
    ):
        dsn = behind.dsn if behind else ""
        place = pairing.place_of(catalog, stack)
        container = life.enter_context(contained(catalog, stack, Path(scratch), host, port)) if place else None
        listens = container.listens if container else host
        argv, env, front = start_command.parts(catalog, stack, port, listens, Path(scratch), dsn=dsn, workers=workers)
        record = None
        if variant and variant.application:
            paths["folder"], own = application.placed(catalog, variant, Path(scratch), log, backend)
            env, record = own | env, application.provenance(Path(scratch))
        elif backend:
            env |= backend.environment(stack, pairing.server_file(catalog, stack))
        with launched(
            str(stack),
            argv,
            env,
            **paths,
            first=first,
            cpus=cpus,
            host=host,
            port=port,
            is_piped=bool(tuning and tuning.is_piped),
            limit=limit,
            front=front,
            container=container,
        ) as running:
            yield msgspec.structs.replace(running, provenance=record, backend=behind or backend)


@contextmanager
def launched(
    name: str,
    argv: list[str],
    env: dict[str, str],
    *,
    folder: Path,
    first: Exchange,
    log: Path,
    cpus: frozenset[int],
    host: str,
    port: int,
    is_piped: bool = False,
    limit: Limit | None = None,
    front: list[str] | None = None,
    container: Container | None = None,
) -> Iterator[RunningServer]:
    """Run a server during the block, with its output in `log`. It is ready when it answers `first` right.

    `front` is the proxy before it, which runs in the same process tree, or in a container of its own.

    With `is_piped`, its stdout is read and discarded, as another process would read it. With a `container`, it runs in
    there, and CPU time and start include those of the container.

    Raises LabError if it is not ready within `READY_SECONDS`, exits by itself, or still runs `STOP_SECONDS` after
    SIGTERM. Raises MissingError if this machine cannot set the `limit`.
    """
    refused: list[str] = []
    with ExitStack() as life:
        cgroup = life.enter_context(group())
        within = life.enter_context(limited(limit, cgroup)) if limit else None
        if container:
            if cgroup is None:
                raise LabError(f"{name}: a container requires the right to create control groups")
            argv, env = container.command(argv, env, cgroup, cpus)
            front = container.front(front, cgroup, cpus) if front else None
            life.enter_context(container.removed())
        argv = proxy.behind(front, argv) if front else argv
        argv = within.argv_within(argv) if within else argv
        program = process.Program(
            name=name,
            argv=pinned(cgroup.argv_within(argv) if cgroup else argv, cpus),
            folder=folder,
            env=env,
            log=log,
            is_ready=partial(_answers, first, name, log, host=host, port=port, refused=refused),
            told=lambda: next(iter(refused), None),
            ready_seconds=READY_SECONDS,
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGTERM,
            stop_seconds=STOP_SECONDS,
            is_piped=is_piped,
        )
        with accounts.spending("starts"):
            started = life.enter_context(process.running(program))
        yield RunningServer(
            name=name,
            host=host,
            port=port,
            process=container.process if container else started.process,
            front=container.front_process if container and front else None,
            ready_seconds=started.seconds,
            cpu=cgroup.meter if cgroup else cpu_time.of_tree(started.process),
            log=log,
            limited=within,
        )


def log_of(stack: Stack) -> Path:
    """Return the log file of a stack that is served outside of a study."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{str(stack).replace('/', '-')}.log"


def _answers(first: Exchange, name: str, log: Path, *, host: str, port: int, refused: list[str]) -> bool:
    """Return True if `first` is answered right, False if there is no answer yet, which sets `refused` to the reason.

    Raises LabError for a wrong answer.
    """
    try:
        answer = http_client.answered(port, first, host=host)
    except LabError as error:
        refused[:] = [str(error)]
        return False
    if answer.status == BAD_GATEWAY:
        return False
    wrong = difference(first, answer)
    if wrong:
        raise LabError(f"{name}: wrong first answer: {wrong}; see {log}", gate=RIGHT)
    return True

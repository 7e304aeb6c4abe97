"""The backend that a workload waits for, such as PostgreSQL: created for one run in a temporary folder, then deleted.

It runs on the generator's cores, so that the server has its cores to itself.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import msgspec
import psutil

from bench.build import artifacts
from bench.errors import LabError, MissingError
from bench.model import Argv, Backend, Catalog, Server, Stack
from bench.paths import TOOLS
from bench.provision import debian, stamp, system
from bench.provision.interpreters import MEASURED_LOCK, debian_prefix, install
from bench.serve import programs
from bench.serve.ports import free_port
from bench.serve.process import Program, Started, running

READY_SECONDS = 20.0
POLL_SECONDS = 0.01
STOP_SECONDS = 10.0
IMPORT = "import psycopg, psycopg_pool"  # fails if the driver or its libpq is missing
IMPORT_SECONDS = 60.0


class RunningBackend(msgspec.Struct, frozen=True, kw_only=True):
    """A running backend: its declaration, the version that it reports, its folder, its port, and its process.

    `is_prepared`: a copy of one that the application has prepared.
    """

    backend: Backend
    version: str
    folder: Path
    port: int
    process: psutil.Process
    is_prepared: bool = False

    @property
    def dsn(self) -> str:
        """The address for clients."""
        return self.backend.dsn.format_map(programs.places(self.folder, self.port))

    @property
    def places(self) -> dict[str, str]:
        """The placeholders of a user's application."""
        return programs.places(self.folder, self.port) | {"dsn": self.dsn}

    def waits(self, server: Server) -> str:
        """Return the dotted name of the function with which `/wait` queries the backend under `server`."""
        return server.waits.get(self.backend.name, self.backend.wait)

    def environment(self, stack: Stack, server: Server) -> dict[str, str]:
        """Return the variables that are added to the environment of a stack that queries the backend."""
        return {
            "STATEMENTS_WAIT": self.waits(server),
            "STATEMENTS_DATABASE": self.dsn,
            "STATEMENTS_CONNECTIONS": str(server.concurrency),
            "PYTHONPATH": str(_driver(self.backend, stack.variant)),
        }


def require(backend: Backend) -> None:
    """Raise MissingError if a program, a system part or the user of `backend` is missing.

    The packages of its provider are unpacked first, if necessary.
    """
    system.require(backend.needs)
    if backend.provider:
        debian.bring(backend.provider, debian_prefix(backend.provider))
    if os.geteuid() == 0 and backend.user is not None:
        programs.user(backend.user)
    for argv in (backend.prepare, backend.argv, backend.ready, backend.version):
        if argv:
            programs.located(backend, argv[0])


def provision(catalog: Catalog, backend: Backend, variant: str) -> None:
    """Install the driver of `backend` for the interpreter of `variant`, outside the measured prefix.

    A user's application brings its own driver. Raises MissingError if the driver or the backend itself is unavailable.
    """
    require(backend)
    if catalog.variant(variant).application:
        return
    folder = _driver(backend, variant)
    names = backend.requirements.get(artifacts.require(variant).interpreter.implementation, ())
    made_of = stamp.of(*names, MEASURED_LOCK)
    if stamp.is_current(folder, made_of):
        return
    argv, env = [str(artifacts.python(variant)), "-c", IMPORT], artifacts.environment(catalog, catalog.variant(variant))
    env |= {"PYTHONPATH": str(folder)}
    with stamp.rebuilding(folder, made_of):
        install(artifacts.python(variant), names, target=folder)
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS)
        if done.returncode != 0:
            raise MissingError(f"`{IMPORT}` failed: {system.error_message(done)}")


def fingerprint(backend: Backend) -> str:
    """Return a hash of the backend's declaration, its programs, the files they are given and its driver's lock file."""
    digest = hashlib.sha256(msgspec.json.encode(backend, order="sorted") + _lock())
    for argv in (backend.prepare, backend.argv):
        digest.update(_bytes(programs.located(backend, argv[0])) if argv else b"")
    for path in programs.given_files(backend):
        content = path.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@contextmanager
def backend_for(
    catalog: Catalog, name: str | None, log: Path, **places: Path | None
) -> Iterator[RunningBackend | None]:
    """Run the backend of that name during the block, with its output in `log`. Yields None without a name.

    `places` are `state` and `keep` of `run_backend`.
    Raises LabError if preparing it fails, if it is not ready within `READY_SECONDS`, exits by itself or must be
    killed, and MissingError if it is not installed.
    """
    if name is None:
        yield None
        return
    with run_backend(catalog.backends[name], log, **places) as running:
        yield running


@contextmanager
def run_backend(
    backend: Backend, log: Path, *, state: Path | None = None, keep: Path | None = None
) -> Iterator[RunningBackend]:
    """Run `backend` during the block; see `backend_for`.

    It begins with a copy of the folder `state` in place of `prepare`. `keep` gets a copy of its folder at the end.
    """
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp") as name:
        folder = Path(name)  # in /tmp: accessible to every user, and short, as a socket's path has at most 107 bytes
        if os.geteuid() == 0 and backend.user is not None:
            os.chown(folder, *programs.user(backend.user))
        port = free_port()
        run = partial(_run, backend, folder=folder, port=port)
        if state:
            _copy(state, folder)
        elif backend.prepare:
            _require_success(backend, run(backend.prepare), log)
        with _started(backend, folder, port, log) as started:
            version = run(backend.version).stdout.strip() if backend.version else backend.title
            yield RunningBackend(
                backend=backend,
                version=version,
                folder=folder,
                port=port,
                process=started.process,
                is_prepared=state is not None,
            )
        if keep:
            _copy(folder, keep)


@contextmanager
def _started(backend: Backend, folder: Path, port: int, log: Path) -> Iterator[Started]:
    """Run the backend's own program during the block. If it never gets ready, the error has the words of `ready`."""
    asked: list[subprocess.CompletedProcess[str]] = []

    def is_ready() -> bool:
        asked[:] = [_run(backend, backend.ready, folder=folder, port=port)]
        return asked[0].returncode == 0

    program = Program(
        name=backend.name,
        argv=programs.command(backend, backend.argv, folder, port),
        folder=folder,
        env=programs.environment(backend, folder),
        log=log,
        is_ready=is_ready,
        ready_seconds=READY_SECONDS,
        poll_seconds=POLL_SECONDS,
        signal=signal.Signals[backend.signal],
        stop_seconds=STOP_SECONDS,
    )
    with ExitStack() as life:
        try:
            started = life.enter_context(running(program))
        except LabError as error:
            told = system.error_message(asked[0]) if asked and asked[0].returncode else ""
            raise LabError(f"{error}; `{backend.ready[0]}` says: {told}") if told else error from None
        yield started


def _copy(folder: Path, destination: Path) -> None:
    """Copy all files of a folder with their owners, because a backend may check them."""
    destination.mkdir(exist_ok=True)
    argv = ["cp", "--archive", f"{folder}/.", str(destination)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the backend's folder cannot be copied: {system.error_message(done)}")


def _run(backend: Backend, argv: Argv, *, folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run one of the backend's programs. Raises LabError after `READY_SECONDS`."""
    command, env = programs.command(backend, argv, folder, port), programs.environment(backend, folder)
    try:
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=READY_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{backend.name}: {argv[0]} timed out after {READY_SECONDS:.0f} s") from None


def _require_success(backend: Backend, done: subprocess.CompletedProcess[str], log: Path) -> None:
    """Raise LabError if the backend's `prepare` program, such as PostgreSQL's initdb, failed."""
    if done.returncode != 0:
        log.write_text(done.stdout + done.stderr)
        raise LabError(f"{backend.name}: {backend.prepare[0]} failed: {system.error_message(done)}; see {log}")


def _driver(backend: Backend, variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-{backend.name}"


@cache
def _lock() -> bytes:
    return MEASURED_LOCK.read_bytes()


@cache
def _bytes(program: str) -> bytes:
    return Path(program).read_bytes()

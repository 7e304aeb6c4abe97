"""The backend that a workload waits for, such as PostgreSQL: created for one run in a temporary folder, then deleted.

It runs on the generator's cores, so that the server has its cores to itself.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import psutil

from bench.build import artifacts
from bench.errors import LabError, MissingError
from bench.host.pinning import cores, pinned
from bench.model import Argv, Backend, Catalog, Server, Stack, Workload
from bench.paths import TOOLS
from bench.provision import stamp, system
from bench.provision.interpreters import MEASURED_LOCK, install
from bench.serve.process import Program, running

READY_SECONDS = 20.0
POLL_SECONDS = 0.01
STOP_SECONDS = 10.0
IMPORT = "import psycopg, psycopg_pool"  # fails if the driver or its libpq is missing
IMPORT_SECONDS = 60.0
PATH = "/usr/local/bin:/usr/bin:/bin"


class RunningBackend(msgspec.Struct, frozen=True, kw_only=True):
    """A running backend: its declaration, the version that it reports, the DSN for clients, and its process."""

    backend: Backend
    version: str
    dsn: str
    process: psutil.Process

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


def provision(catalog: Catalog, backend: Backend, variant: str) -> None:
    """Install the driver of `backend` for the interpreter of `variant`, outside the measured prefix.

    Raises MissingError if the driver or the backend itself is unavailable.
    """
    system.require(backend.needs)
    if os.geteuid() == 0 and backend.user is not None:
        _user(backend.user)
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
    """Return a hash of the backend's declaration, its programs and its driver's lock file."""
    digest = hashlib.sha256(msgspec.json.encode(backend, order="sorted") + _lock())
    for program in (backend.prepare[0], backend.argv[0]):
        digest.update(_bytes(_program(backend, program)))
    return digest.hexdigest()


@contextmanager
def backend_for(catalog: Catalog, workload: Workload, log: Path) -> Iterator[RunningBackend | None]:
    """Run the backend of `workload` during the block, with its output in `log`. Yields None if the workload has none.

    Raises LabError if preparing it fails, if it is not ready within `READY_SECONDS`, exits by itself or must be
    killed, and MissingError if it is not installed.
    """
    if workload.backend is None:
        yield None
        return
    with run_backend(catalog.backends[workload.backend], log) as running:
        yield running


@contextmanager
def run_backend(backend: Backend, log: Path) -> Iterator[RunningBackend]:
    """Run `backend` during the block; see `backend_for`."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp") as name:
        folder = Path(name)  # in /tmp: accessible to every user, and short, as a socket's path has at most 107 bytes
        if os.geteuid() == 0 and backend.user is not None:
            os.chown(folder, *_user(backend.user))
        _prepare(backend, folder, log)
        program = Program(
            name=backend.name,
            argv=_command(backend, backend.argv, folder),
            folder=folder,
            env={"PATH": PATH},
            log=log,
            is_ready=lambda: _run(backend, backend.ready, folder).returncode == 0,
            ready_seconds=READY_SECONDS,
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGINT,  # PostgreSQL's fast shutdown: it disconnects its clients and exits
            stop_seconds=STOP_SECONDS,
        )
        with running(program) as started:
            version = _run(backend, backend.version, folder).stdout.strip()
            dsn = backend.dsn.format(folder=folder)
            yield RunningBackend(backend=backend, version=version, dsn=dsn, process=started.process)


def _run(backend: Backend, argv: Argv, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the backend's programs. Raises LabError after `READY_SECONDS`."""
    command = _command(backend, argv, folder)
    try:
        return subprocess.run(
            command, cwd=folder, env={"PATH": PATH}, capture_output=True, text=True, check=False, timeout=READY_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{backend.name}: {argv[0]} timed out after {READY_SECONDS:.0f} s") from None


def _prepare(backend: Backend, folder: Path, log: Path) -> None:
    """Run the backend's `prepare` program, such as PostgreSQL's initdb."""
    done = _run(backend, backend.prepare, folder)
    if done.returncode != 0:
        raise LabError(f"{backend.name}: {backend.prepare[0]} failed: {system.error_message(done)}; see {log}")


def _command(backend: Backend, argv: Argv, folder: Path) -> list[str]:
    """Return the command that runs `argv` on the generator's cores and ends it if the lab itself is killed.

    Under root it runs as the backend's own user.
    """
    setpriv = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0 and backend.user is not None:
        user, group = _user(backend.user)
        setpriv += ["--reuid", str(user), "--regid", str(group), "--clear-groups"]
    arguments = [part.format(folder=folder) for part in argv[1:]]
    return pinned([*setpriv, "--", _program(backend, argv[0]), *arguments], cores().generator)


def _program(backend: Backend, name: str) -> str:
    """Return the path of one of the backend's programs: on PATH, or else in the newest of its `paths`."""
    folders = [str(path) for pattern in backend.paths for path in Path("/").glob(pattern.lstrip("/"))]
    newest = sorted(folders, key=lambda folder: [int(part) for part in folder.split("/") if part.isdecimal()])[::-1]
    found = shutil.which(name, path=os.pathsep.join([PATH, *newest]))
    if found is None:
        remedies = [part.remedy for part in system.parts() if part.name in backend.needs]
        raise MissingError(f"{backend.name}: {name} is not installed", next(iter(remedies), None))
    return found


def _user(name: str) -> tuple[int, int]:
    """Return the user id and group id of `name`. Raises MissingError if that user does not exist."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise MissingError(
            f"cannot run the backend as root: user {name!r} does not exist", f"useradd --system {name}"
        ) from None
    return entry.pw_uid, entry.pw_gid


def _driver(backend: Backend, variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-{backend.name}"


@cache
def _lock() -> bytes:
    return MEASURED_LOCK.read_bytes()


@cache
def _bytes(program: str) -> bytes:
    return Path(program).read_bytes()

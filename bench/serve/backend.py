"""A back end that a workload waits for: made and started for one run in a folder of its own, and gone after it.

It runs beside the generator, on its cores: the server's are the server's own.
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
IMPORT = "import psycopg, psycopg_pool"  # finds the driver, and that its libpq
IMPORT_SECONDS = 60.0
PATH = "/usr/local/bin:/usr/bin:/bin"


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A back end that runs: what it is, as it says itself, where it is for a client, and its process."""

    backend: Backend
    version: str
    dsn: str
    process: psutil.Process

    def waits(self, server: Server) -> str:
        """The function that `/wait` behind this server waits for it with."""
        return server.waits.get(self.backend.name, self.backend.wait)

    def environment(self, stack: Stack, server: Server) -> dict[str, str]:
        """What is added to the environment of a stack that waits for it behind that server."""
        return {
            "STATEMENTS_WAIT": self.waits(server),
            "STATEMENTS_DATABASE": self.dsn,
            "STATEMENTS_CONNECTIONS": str(server.concurrency),
            "PYTHONPATH": str(_driver(self.backend, stack.variant)),
        }


def provision(catalog: Catalog, backend: Backend, variant: str) -> None:
    """Bring the driver of `backend` for the interpreter of `variant`, beside the measured prefix.

    Raises MissingError where it, or the back end itself, cannot be had.
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
            raise MissingError(f"`{IMPORT}` fails: {system.error_message(done)}")


def fingerprint(backend: Backend) -> str:
    """Hash of all of a back end that could change a figure: its declaration, its programs and its driver's lock."""
    digest = hashlib.sha256(msgspec.json.encode(backend, order="sorted") + _lock())
    for program in (backend.prepare[0], backend.argv[0]):
        digest.update(_bytes(_program(backend, program)))
    return digest.hexdigest()


@contextmanager
def attached(catalog: Catalog, workload: Workload, log: Path) -> Iterator[Attached | None]:
    """The back end of `workload` while the block runs, what it says in `log`; None for a workload without one.

    Raises LabError if it cannot be made, is not ready in `READY_SECONDS`, ends by itself or has to be killed, and
    MissingError if it is not on this machine.
    """
    if workload.backend is None:
        yield None
        return
    with started(catalog.backends[workload.backend], log) as running:
        yield running


@contextmanager
def started(backend: Backend, log: Path) -> Iterator[Attached]:
    """`backend` while the block runs, as `attached` has it."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp") as name:
        folder = Path(name)  # where every user may go, and short: the path of a socket has 107 characters at most
        if os.geteuid() == 0 and backend.user is not None:
            os.chown(folder, *_user(backend.user))
        _prepare(backend, folder, log)
        program = Program(
            name=backend.name,
            argv=_command(backend, backend.argv, folder),
            folder=folder,
            env={"PATH": PATH},
            log=log,
            is_ready=lambda: _asked(backend, backend.ready, folder).returncode == 0,
            ready_seconds=READY_SECONDS,
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGINT,  # by which PostgreSQL cuts off its clients and ends
            stop_seconds=STOP_SECONDS,
        )
        with running(program) as process:
            version = _asked(backend, backend.version, folder).stdout.strip()
            dsn = backend.dsn.format(folder=folder)
            yield Attached(backend=backend, version=version, dsn=dsn, process=process.process)


def _asked(backend: Backend, argv: Argv, folder: Path) -> subprocess.CompletedProcess[str]:
    """What one of the back end's programs says, within `READY_SECONDS`."""
    command = _command(backend, argv, folder)
    try:
        return subprocess.run(
            command, cwd=folder, env={"PATH": PATH}, capture_output=True, text=True, check=False, timeout=READY_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{backend.name}: {argv[0]} was not over after {READY_SECONDS:.0f} s") from None


def _prepare(backend: Backend, folder: Path, log: Path) -> None:
    """Make what the back end runs on."""
    done = _asked(backend, backend.prepare, folder)
    if done.returncode != 0:
        raise LabError(f"{backend.name}: {backend.prepare[0]} failed: {system.error_message(done)}; log in {log}")


def _command(backend: Backend, argv: Argv, folder: Path) -> list[str]:
    """`argv` on the generator's cores, as the back end's user under root, and ended when the lab itself is killed."""
    rights = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0 and backend.user is not None:
        user, group = _user(backend.user)
        rights += ["--reuid", str(user), "--regid", str(group), "--clear-groups"]
    words = [part.format(folder=folder) for part in argv[1:]]
    return pinned([*rights, "--", _program(backend, argv[0]), *words], cores().generator)


def _program(backend: Backend, name: str) -> str:
    """Where a program of the back end lies: on PATH, else in the newest of its `paths`."""
    places = [str(path) for pattern in backend.paths for path in Path("/").glob(pattern.lstrip("/"))]
    newest = sorted(places, key=lambda place: [int(part) for part in place.split("/") if part.isdecimal()])[::-1]
    found = shutil.which(name, path=os.pathsep.join([PATH, *newest]))
    if found is None:
        remedies = [part.remedy for part in system.parts() if part.name in backend.needs]
        raise MissingError(f"{backend.name}: {name} is not here", next(iter(remedies), None))
    return found


def _user(name: str) -> tuple[int, int]:
    """The numbers of a user and its group. Raises MissingError if there is none of that name."""
    try:
        known = pwd.getpwnam(name)
    except KeyError:
        raise MissingError(
            f"no user {name!r} is here, whom it would run as under root", f"useradd --system {name}"
        ) from None
    return known.pw_uid, known.pw_gid


def _driver(backend: Backend, variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-{backend.name}"


@cache
def _lock() -> bytes:
    return MEASURED_LOCK.read_bytes()


@cache
def _bytes(program: str) -> bytes:
    return Path(program).read_bytes()

"""A back end that a workload waits for: made and started for one run in a folder of its own, and gone after it.

It runs beside the generator, on its cores: the server's are the server's own. It is ready once it greets a client as
PostgreSQL does, and tells its version by that.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import msgspec
import psutil

from bench import catalog
from bench.build import artifacts
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.host.pinning import cores, pinned
from bench.model import Argv, Backend, Stack, Workload
from bench.paths import TOOLS
from bench.provision import system
from bench.provision.interpreters import MEASURED_LOCK, install

READY_SECONDS = 20.0
POLL_SECONDS = 0.01
STOP_SECONDS = 10.0
SOCKET = ".s.PGSQL.5432"
IMPORT = "import psycopg, psycopg_pool"  # finds the driver, and that its libpq
IMPORT_SECONDS = 60.0
PATH = "/usr/local/bin:/usr/bin:/bin"


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A back end that runs: what it is, as it says itself, where it is for a client, and its process."""

    backend: Backend
    version: str
    dsn: str
    process: psutil.Process

    def waits(self, stack: Stack) -> str:
        """The function that `/wait` of this stack waits for it with."""
        return pairing.server_file(stack).waits.get(self.backend.name, self.backend.wait)

    def environment(self, stack: Stack) -> dict[str, str]:
        """What is added to the environment of a stack that waits for it."""
        return {
            "STATEMENTS_WAIT": self.waits(stack),
            "STATEMENTS_DATABASE": self.dsn,
            "STATEMENTS_CONNECTIONS": str(pairing.server_for(stack).concurrency),
            "PYTHONPATH": str(_driver(self.backend, stack.variant)),
        }


def provision(backend: Backend, variant: str) -> None:
    """Bring the driver of `backend` for the interpreter of `variant`, beside the measured prefix.

    Raises MissingError where it, or the back end itself, cannot be had.
    """
    system.require(backend.needs)
    if os.geteuid() == 0 and backend.user is not None:
        _user(backend.user)
    folder = _driver(backend, variant)
    names = backend.requirements.get(artifacts.require(variant).interpreter.implementation, ())
    stamp, made_for = folder / "made-for.txt", f"{' '.join(names)} {hashlib.sha256(_lock()).hexdigest()}"
    if stamp.is_file() and stamp.read_text() == made_for:
        return
    shutil.rmtree(folder, ignore_errors=True)
    install(artifacts.python(variant), names, target=folder)
    argv, env = [str(artifacts.python(variant)), "-c", IMPORT], artifacts.environment(catalog.variant(variant))
    env |= {"PYTHONPATH": str(folder)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS)
    if done.returncode != 0:
        raise MissingError(f"`{IMPORT}` fails: {system.complaint(done)}")
    stamp.write_text(made_for)


def fingerprint(name: str) -> str:
    """Hash of all of a back end that could change a figure: its declaration, its programs and its driver's lock."""
    backend = catalog.backends()[name]
    digest = hashlib.sha256(msgspec.json.encode(backend, order="sorted") + _lock())
    for program in (backend.prepare[0], backend.argv[0]):
        digest.update(_bytes(_program(backend, program)))
    return digest.hexdigest()


@contextmanager
def attached(workload: Workload, log: Path) -> Iterator[Attached | None]:
    """The back end of `workload` while the block runs, what it says in `log`; None for a workload without one.

    Raises LabError if it cannot be made, is not ready in `READY_SECONDS`, ends by itself or has to be killed, and
    MissingError if it is not on this machine.
    """
    if workload.backend is None:
        yield None
        return
    with started(catalog.backends()[workload.backend], log) as running:
        yield running


@contextmanager
def started(backend: Backend, log: Path) -> Iterator[Attached]:
    """`backend` while the block runs, as `attached` has it."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp") as name, log.open("wb") as output:
        folder = Path(name)  # where every user may go, and short: the path of a socket has 107 characters at most
        if os.geteuid() == 0 and backend.user is not None:
            os.chown(folder, *_user(backend.user))
        _prepare(backend, folder, log)
        process = subprocess.Popen(
            _command(backend, backend.argv, folder),
            cwd=folder,
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            version = _await_greeting(process, backend, folder / SOCKET, log)
            dsn = backend.dsn.format(folder=folder)
            yield Attached(backend=backend, version=version, dsn=dsn, process=psutil.Process(process.pid))
        except BaseException:
            _ends(process)
            raise
        _stop(process, backend, log)


def greeting(path: Path) -> str | None:
    """The version that a PostgreSQL tells a client at the socket `path`; None while it does not let one in.

    The client's first message and the server's answers are those of its protocol, version 3.0.
    """
    words = b"user\0lab\0database\0postgres\0\0"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            client.sendall(struct.pack("!ii", 8 + len(words), 3 << 16) + words)
            stream = client.makefile("rb")
            while len(head := stream.read(5)) == 5 and head[:1] in b"RS":  # let in; a parameter's name and value
                name, _, value = stream.read(int.from_bytes(head[1:], "big") - 4).partition(b"\0")
                if name == b"server_version":
                    return value.rstrip(b"\0").decode()
        except OSError:
            return None
    return None


def _prepare(backend: Backend, folder: Path, log: Path) -> None:
    """Make what the back end runs on, within `READY_SECONDS`."""
    argv = _command(backend, backend.prepare, folder)
    try:
        done = subprocess.run(
            argv, cwd=folder, env={"PATH": PATH}, capture_output=True, text=True, check=False, timeout=READY_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{backend.name}: {backend.prepare[0]} was not over after {READY_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise LabError(f"{backend.name}: {backend.prepare[0]} failed: {system.complaint(done)}; log in {log}")


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
        fills = [part.fill for part in system.parts() if part.name in backend.needs]
        raise MissingError(f"{backend.name}: {name} is not here", next(iter(fills), None))
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


def _await_greeting(process: subprocess.Popen[bytes], backend: Backend, path: Path, log: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LabError(f"{backend.name}: it ended with status {process.returncode} before it was ready; see {log}")
        version = greeting(path)
        if version is not None:
            return version
        time.sleep(POLL_SECONDS)
    raise LabError(f"{backend.name}: not ready within {READY_SECONDS:.0f} s; see {log}")


def _stop(process: subprocess.Popen[bytes], backend: Backend, log: Path) -> None:
    """End it. Raises LabError if it had ended by itself, or does not heed."""
    if process.poll() is not None:
        raise LabError(f"{backend.name}: it ended by itself with status {process.returncode}; see {log}")
    if not _ends(process):
        raise LabError(f"{backend.name}: it still ran {STOP_SECONDS:.0f} s after SIGINT, killed; see {log}")


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Whether it heeds SIGINT, by which PostgreSQL cuts off its clients and ends; else it is killed.

    Its children have to be killed one by one, as each has a session of its own.
    """
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        process.kill()
        process.wait()
        return False
    return True


def _driver(backend: Backend, variant: str) -> Path:
    return TOOLS / f"{artifacts.require(variant).interpreter.name}-{backend.name}"


@cache
def _lock() -> bytes:
    return MEASURED_LOCK.read_bytes()


@cache
def _bytes(program: str) -> bytes:
    return Path(program).read_bytes()

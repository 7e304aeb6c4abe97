"""A stack that runs: started on a free port, ready once it has answered right, ended by SIGTERM.

What SIGTERM does not end is killed, with a complaint.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from bench import catalog
from bench.build import artifacts, peers
from bench.catalog import pairing
from bench.errors import LabError
from bench.host import accounts, cpu_time
from bench.host.cgroup import group
from bench.host.cpu_time import Meter
from bench.host.pinning import pinned
from bench.model import Exchange, Stack
from bench.paths import LOGS, PREFIXES
from bench.provision import system
from bench.serve import front
from bench.serve.backend import Attached

HOST = "127.0.0.1"  # where a server listens unless its load comes from another machine
BACKLOG = 1024
READY_SECONDS = 60.0
POLL_SECONDS = 0.002
STOP_SECONDS = 10.0
BAD_GATEWAY = 502  # what a front answers while its server does not listen yet
HELLO = Exchange(method="GET", path="/hello", body=None, expect=b"Hello, world!\n")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A server that has answered right. `ready_seconds` is spawn to that answer; `cpu` all the CPU time it spends."""

    name: str
    host: str
    port: int
    process: psutil.Process
    ready_seconds: float
    cpu: Meter
    log: Path

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end."""
        return f"http://{self.host}:{self.port}"


def command(stack: Stack, port: int, host: str, scratch: Path) -> tuple[list[str], dict[str, str]]:
    """The argv and the whole environment that start `stack` on `port` of `host`; in `scratch` lies what is of this run.

    Raises LabError if the variant or peer is not built, or if the server declares the pair impossible.
    """
    if stack.is_peer:
        return peers.command(catalog.peers()[stack.variant], host=host, port=port, backlog=BACKLOG)
    variant = catalog.variant(stack.variant)
    server = pairing.server_file(stack)
    impossible = pairing.impossible(stack)
    if impossible:
        raise LabError(f"{stack} is impossible: {impossible.reason}")
    artifacts.require(stack.variant)
    places = {
        "python": str(artifacts.python(stack.variant)),
        "prefix": str(PREFIXES / stack.variant),
        "base": str(artifacts.base(stack.variant)),
        "host": host,
        "port": str(port),
        "backlog": str(BACKLOG),
        "scratch": str(scratch),
    }
    argv = [part.format_map(places) for part in server.argv]
    if server.front:
        system.require(server.front.needs)
        argv = front.together(server.front, argv, scratch, places)
    env = {key: value.format_map(places) for key, value in server.env.items()}
    env |= {"STATEMENTS_FRAMEWORK": catalog.frameworks()[stack.framework].module, "STATEMENTS_WAIT": server.wait}
    return argv, artifacts.environment(variant) | env


@contextmanager
def serving(
    stack: Stack,
    first: Exchange,
    log: Path,
    cpus: frozenset[int],
    *,
    port: int | None = None,
    host: str = HOST,
    backend: Attached | None = None,
) -> Iterator[Running]:
    """Serve `stack` on `cpus` while the block runs, as `launched` does; its `/wait` waits for `backend` if one runs."""
    port = port or free_port(host)
    prefix = catalog.peers()[stack.variant].build if stack.is_peer else stack.variant
    place = {"folder": PREFIXES / prefix, "log": log}
    with TemporaryDirectory(prefix="bench-") as scratch:  # below /tmp: the path of a socket has to be short
        argv, env = command(stack, port, host, Path(scratch))
        env |= backend.environment(stack) if backend else {}
        with launched(str(stack), argv, env, **place, first=first, cpus=cpus, host=host, port=port) as running:
            yield running


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
) -> Iterator[Running]:
    """A server that runs while the block does, its output in `log`; ready when `first` is answered right.

    Raises LabError if it is not ready in `READY_SECONDS`, ends by itself, or SIGTERM does not end it in `STOP_SECONDS`.
    """
    with group() as own, log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            pinned(own.joined(argv) if own else argv, cpus),
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            with accounts.spending("starts"):
                _await_answer(process, first, name, log, host=host, port=port)
            ready = time.perf_counter() - began
            watched = psutil.Process(process.pid)
            meter = own.meter if own else cpu_time.of_tree(watched)
            yield Running(name=name, host=host, port=port, process=watched, ready_seconds=ready, cpu=meter, log=log)
        except BaseException:
            _kill(process)
            raise
        _stop(process, name, log)


def log_of(stack: Stack) -> Path:
    """Where a stack that is served outside of a study keeps its log."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{str(stack).replace('/', '-')}.log"


def free_port(host: str = HOST) -> int:
    """A TCP port of `host`, an address of this machine, that is free now."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, exchange: Exchange, timeout_seconds: float = 10.0, host: str = HOST) -> tuple[int, bytes]:
    """Send one request over a connection of its own; status and body of the answer. Raises LabError if none comes."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        headers = {"Content-Type": "application/json"} if exchange.body is not None else {}
        connection.request(exchange.method, exchange.path, exchange.body, headers | exchange.headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"{exchange.method} {exchange.path}: no answer, {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _await_answer(
    process: subprocess.Popen[bytes], first: Exchange, name: str, log: Path, *, host: str, port: int
) -> None:
    """Poll until `first` is answered right; a wrong answer is no readiness and no reason to wait."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LabError(f"{name}: the server ended with status {process.returncode} before it answered; see {log}")
        try:
            status, body = ask(port, first, host=host)
        except LabError:
            status, body = BAD_GATEWAY, b""
        if (status, body) == (200, first.expect):
            return
        if status != BAD_GATEWAY:
            raise LabError(f"{name}: the first answer was wrong: status {status}, {body[:200]!r}; see {log}")
        time.sleep(POLL_SECONDS)
    raise LabError(f"{name}: no right answer within {READY_SECONDS:.0f} s; see {log}")


def _stop(process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    """SIGTERM, then the kill. Raises LabError if the server had ended by itself, or if anything of it did not heed."""
    if process.poll() is not None:
        _kill(process)
        raise LabError(f"{name}: the server ended by itself with status {process.returncode}; see {log}")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
        left = psutil.wait_procs(children, STOP_SECONDS)[1]
        who = f"{len(left)} of its children" if left else None
    except subprocess.TimeoutExpired:
        who = "the server"
    if who:
        _kill(process)
        raise LabError(f"{name}: {who} still ran {STOP_SECONDS:.0f} s after SIGTERM, killed; see {log}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: they share the session that was made for them."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

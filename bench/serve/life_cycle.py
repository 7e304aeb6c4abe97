"""A stack that runs: started on a free port, ready once it has answered right, ended by SIGTERM.

What SIGTERM does not end is killed, with a complaint.
"""

from __future__ import annotations

import errno
import http.client
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from bench.build import artifacts, peers
from bench.catalog import pairing
from bench.errors import RIGHT, LabError
from bench.host import accounts, cpu_time
from bench.host.cgroup import group
from bench.host.cpu_time import Meter
from bench.host.pinning import pinned
from bench.model import Catalog, Exchange, Stack
from bench.paths import LOGS, PREFIXES
from bench.provision import system
from bench.serve import process, proxy
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


def command(catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path) -> tuple[list[str], dict[str, str]]:
    """The argv and the whole environment that start `stack` on `port` of `host`; in `scratch` lies what is of this run.

    Raises LabError if the variant or peer is not built, or if the server declares the pair impossible.
    """
    if stack.is_peer:
        return peers.command(catalog.peers[stack.variant], host=host, port=port, backlog=BACKLOG)
    variant = catalog.variant(stack.variant)
    server = pairing.server_file(catalog, stack)
    impossible = pairing.unsupported(catalog, stack)
    if impossible:
        raise LabError(f"{stack} is unsupported: {impossible.reason}")
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
    if server.proxy:
        system.require(server.proxy.needs)
        argv = proxy.together(server.proxy, argv, scratch, places)
    env = {key: value.format_map(places) for key, value in server.env.items()}
    env |= {"STATEMENTS_FRAMEWORK": catalog.frameworks[stack.framework].module, "STATEMENTS_WAIT": server.wait}
    return argv, artifacts.environment(catalog, variant) | env


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
    backend: Attached | None = None,
) -> Iterator[Running]:
    """Serve `stack` on `cpus` while the block runs, as `launched` does; its `/wait` waits for `backend` if one runs."""
    if port is None:
        port = free_port(host)
    else:
        require_free(port, host)
    prefix = catalog.peers[stack.variant].build if stack.is_peer else stack.variant
    place = {"folder": PREFIXES / prefix, "log": log}
    with TemporaryDirectory(prefix="bench-") as scratch:  # below /tmp: the path of a socket has to be short
        argv, env = command(catalog, stack, port, host, Path(scratch))
        env |= backend.environment(stack, pairing.server_file(catalog, stack)) if backend else {}
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
    with ExitStack() as life:
        own = life.enter_context(group())
        program = process.Program(
            name=name,
            argv=pinned(own.joined(argv) if own else argv, cpus),
            folder=folder,
            env=env,
            log=log,
            is_ready=partial(_answers, first, name, log, host=host, port=port),
            ready_seconds=READY_SECONDS,
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGTERM,
            stop_seconds=STOP_SECONDS,
        )
        with accounts.spending("starts"):
            started = life.enter_context(process.running(program))
        yield Running(
            name=name,
            host=host,
            port=port,
            process=started.process,
            ready_seconds=started.seconds,
            cpu=own.meter if own else cpu_time.of_tree(started.process),
            log=log,
        )


def log_of(stack: Stack) -> Path:
    """Where a stack that is served outside of a study keeps its log."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{str(stack).replace('/', '-')}.log"


def free_port(host: str = HOST) -> int:
    """A TCP port of `host`, an address of this machine, that is free now."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, host: str = HOST) -> None:
    """Raises LabError unless a server can listen on TCP `port` of `host`; it names the program that does, if known."""
    try:
        socket.create_server((host, port)).close()
    except PermissionError as error:
        raise LabError(f"port {port} of {host} requires root: use a port from 1024 on") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise LabError(f"port {port} of {host}: {error.strerror}") from error
        raise LabError(f"port {port} of {host} is in use{_holder(port)}: stop it, or use another port") from error


def _holder(port: int) -> str:
    """The program that listens on TCP `port`, in words; empty if it is not to be seen."""
    with suppress(psutil.Error):
        for each in psutil.net_connections("tcp"):
            if each.pid and each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(each.pid).name()} (process {each.pid})"
    return " by another program"


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


def _answers(first: Exchange, name: str, log: Path, *, host: str, port: int) -> bool:
    """Whether `first` is answered right; a wrong answer is no readiness and no reason to wait."""
    try:
        status, body = ask(port, first, host=host)
    except LabError:
        return False
    if status != BAD_GATEWAY and (status, body) != (200, first.expect):
        raise LabError(f"{name}: the first answer was wrong: status {status}, {body[:200]!r}; see {log}", gate=RIGHT)
    return status != BAD_GATEWAY

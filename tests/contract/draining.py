"""A service that gets SIGTERM while clients are in the middle of something."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.errors import LabError
from bench.model import Stack
from bench.serve import http_client, life_cycle, start_command
from bench.serve.ports import free_port
from tests.declared import CATALOG

BOUND, UWSGI_BOUND = "8", "6"  # seconds, as the tunings declare them
READY_SECONDS = 60.0
ENDS_SECONDS = 30.0  # far above every bound: only a process that hangs takes as long
EMPTY = b'{"batch":"b","currency":"EUR","orders":[]}'
HEAD = "POST /statements HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def posted(document: bytes) -> bytes:
    """A request for the statement of a document."""
    return f"{HEAD}Content-Length: {len(document)}\r\n\r\n".encode() + document


POST = posted(EMPTY)


class Service(NamedTuple):
    """A running service, and the address where it listens."""

    process: subprocess.Popen[bytes]
    port: int

    def connect(self, request: bytes = b"") -> socket.socket:
        """A new connection, over which `request` is sent."""
        connection = socket.create_connection((life_cycle.HOST, self.port), ENDS_SECONDS)
        connection.sendall(request)
        return connection

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def status(self) -> int:
        """The exit status, once the process and all its children have ended; signal N is -N."""
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        try:
            status = self.process.wait(ENDS_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError("it still runs") from None
        assert not psutil.wait_procs(children, ENDS_SECONDS)[1]
        return status


@contextmanager
def started(
    stack: Stack, folder: Path, bound: str = BOUND, replaced: tuple[str, str] = ("", ""), **env: str
) -> Iterator[Service]:
    """Serve a stack during the block. `bound` replaces that of its tuning, `replaced` is a word and one for it."""
    port = free_port()
    argv, own = start_command.command(CATALOG, stack, port, life_cycle.HOST, folder)
    argv = [dict([(BOUND, bound), (UWSGI_BOUND, bound), replaced]).get(word, word) for word in argv]
    own |= {"STATEMENTS_DRAIN_SECONDS": bound} if "STATEMENTS_DRAIN_SECONDS" in own else {}
    layers = " ".join([*filter(None, [own.get("STATEMENTS_LAYERS")]), "health"])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=own | {"STATEMENTS_LAYERS": layers} | env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await(process, port)
        yield Service(process, port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            assert http_client.ask(port, http_client.HELLO) == (200, http_client.HELLO.expect)
        except LabError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"not ready; its exit status is {process.poll()}")


def get(path: str) -> bytes:
    """A request without a body, which asks to keep the connection."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def read(connection: socket.socket) -> tuple[int, bytes] | None:
    """The status and body of an answer, or None if the connection was closed or reset without one."""
    with connection:
        try:
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            return None

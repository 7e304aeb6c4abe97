"""HTTP within limits: an exchange ends at its deadline, and an answer has at most so many bytes.

The time limits of httpx are those of a step: to read for a second at most means that each part of an answer has a
second. A server that sends a byte within each second holds its client for as long as it likes, and while it sends the
head, no code of the caller runs that could look at a clock. So the limit of each step is cut to what is left of the
deadline, where the socket is read and written. That works alike in threads and in greenlets.
"""

import socket
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from app.deadline import left

DEADLINE: ContextVar[float] = ContextVar("DEADLINE")  # of the exchange under way, as `app.deadline` has it
KEPT_SECONDS = 1.0  # that an idle connection is kept; servers close it after 2 s (Gunicorn) or 5 s (Uvicorn)
PART_BYTES = 16_384  # the kernel wakes a writer once a third of its buffer is free: such a part then goes at once


class OutOfBounds(Exception):  # noqa: N818 - it says of the answer what it is
    """An answer that is too large, or compressed: what it expands to has no limit."""


def _cut(seconds: float | None) -> float:
    """The limit of a step. Raises TimeoutError after the deadline."""
    rest = left(DEADLINE.get())
    return rest if seconds is None else min(seconds, rest)


class _Stream(httpcore.NetworkStream):
    """A connection; each step ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found: bytes = self._stream.read(max_bytes, _cut(timeout))
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PART_BYTES):
            self._stream.write(buffer[start : start + PART_BYTES], _cut(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _cut(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connects to the first address that takes it; each gets an equal part of the time that is left."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        untried = _addresses(host, port)
        limit = _cut(timeout)
        while True:
            address = untried.pop(0)
            try:
                share = _cut(limit) / (len(untried) + 1)
                return _Stream(self._network.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not untried:
                    raise


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, at least one. The system's resolver takes no time limit. Raises ConnectError."""
    try:
        return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


class _Body(httpx.SyncByteStream):
    """The body of an answer. Raises OutOfBounds beyond `most` bytes."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._most = most

    def __iter__(self) -> Iterator[bytes]:
        arrived = 0
        for part in self._stream:
            arrived += len(part)
            if arrived > self._most:
                raise OutOfBounds(f"more than {self._most} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()


class Transport(httpx.BaseTransport):
    """What a client of httpx sends with: at most `connections` at once, and answers of at most `most` bytes.

    Its exceptions are those of httpcore, OutOfBounds, and
    TimeoutError once the deadline is over.
    """

    def __init__(self, connections: int, most: int) -> None:
        self._most = most
        self._pool = httpcore.ConnectionPool(
            max_connections=connections, keepalive_expiry=KEPT_SECONDS, network_backend=_Network()
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        timeouts = request.extensions.get("timeout", {})
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={**request.extensions, "timeout": {**timeouts, "pool": _cut(timeouts.get("pool"))}},
        )
        answer = self._pool.handle_request(asked)
        response = httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream, self._most))
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise OutOfBounds("compressed")
        return response

    def close(self) -> None:
        self._pool.close()

"""HTTP as bytes: requests that no client library would send, and their answers."""

import socket
from http.client import HTTPException, HTTPResponse
from io import BufferedReader
from typing import Any, NamedTuple

from bench.serve import life_cycle

TIMEOUT_SECONDS = 30
QUIET_SECONDS = 2  # without another answer to pipelined requests


class Server(NamedTuple):
    """The address of a running service, its document limit, and whether it is a peer or behind a proxy."""

    host: str
    port: int
    max_bytes: int
    peer: bool = False
    proxy: bool = False


class Reply(NamedTuple):
    """An answer. Status 0 means none: the connection, possibly that behind a proxy, was closed without an answer."""

    status: int
    content_type: str
    body: bytes
    allow: str = ""


def send(server: Server, request: bytes, *, cut: bool = False) -> Reply:
    """Send bytes over a new connection; with `cut`, close its sending side afterwards."""
    with socket.create_connection((server.host, server.port), TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(request)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            response = HTTPResponse(connection, method=request.partition(b" ")[0].decode())
            response.begin()
            status = 0 if server.proxy and response.status == life_cycle.BAD_GATEWAY else response.status
            media_type, allow = (response.getheader(name, "") for name in ("Content-Type", "Allow"))
            return Reply(status, media_type, response.read(), allow)
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            return Reply(0, "", b"")


def ask(server: Server, method: str, target: str, body: bytes | None = None, *headers: str) -> Reply:
    """Send a complete request, with the Content-Length of its body."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    head = [f"{method} {target} HTTP/1.1", f"Host: {server.host}", "Connection: close", *length, *headers]
    return send(server, "\r\n".join([*head, "", ""]).encode() + (body or b""))


def post(server: Server, body: bytes, media_type: str = "application/json") -> Reply:
    """Request the statement of a document."""
    return ask(server, "POST", "/statements", body, f"Content-Type: {media_type}")


def pipelined(server: Server, requests: bytes, most: int) -> list[tuple[int, bytes]]:
    """Send several requests at once over one connection; the statuses and bodies of the answers that arrive."""
    answers: list[tuple[int, bytes]] = []
    with socket.create_connection((server.host, server.port), TIMEOUT_SECONDS) as connection:
        connection.sendall(requests)
        connection.settimeout(QUIET_SECONDS)
        stream = connection.makefile("rb")
        while len(answers) < most:
            try:
                response = HTTPResponse(_Stream(stream))  # type: ignore[arg-type]
                response.begin()
                answers.append((response.status, response.read()))
            except (OSError, HTTPException):  # closed, or silent
                break
    return answers


class _Stream:
    """One buffered reader for the answers of a connection: each HTTPResponse would make one, and drop what it holds."""

    def __init__(self, stream: BufferedReader) -> None:
        self.stream = stream

    def makefile(self, _mode: str) -> "_Stream":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def close(self) -> None:
        """Leave the reader open for the next answer."""

"""HTTP as bytes: requests that no client library would send, and what comes back."""

import socket
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from bench.serve import life_cycle

TIMEOUT_SECONDS = 30


class Server(NamedTuple):
    """The address of a running service, how large a document it takes, and whether it is a peer's or behind a front."""

    host: str
    port: int
    max_bytes: int
    peer: bool = False
    proxy: bool = False


class Reply(NamedTuple):
    """An answer; status 0 is none: the connection was closed without one, be it that to a front."""

    status: int
    content_type: str
    body: bytes


def send(server: Server, request: bytes, *, cut: bool = False) -> Reply:
    """Send bytes over a connection of their own; with `cut`, nothing more is to come after them."""
    with socket.create_connection((server.host, server.port), TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(request)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            response = HTTPResponse(connection, method=request.partition(b" ")[0].decode())
            response.begin()
            status = 0 if server.proxy and response.status == life_cycle.BAD_GATEWAY else response.status
            return Reply(status, response.getheader("Content-Type", ""), response.read())
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            return Reply(0, "", b"")


def ask(server: Server, method: str, target: str, body: bytes | None = None, *headers: str) -> Reply:
    """A whole request, its body announced by Content-Length."""
    announced = [] if body is None else [f"Content-Length: {len(body)}"]
    head = [f"{method} {target} HTTP/1.1", f"Host: {server.host}", "Connection: close", *announced, *headers]
    return send(server, "\r\n".join([*head, "", ""]).encode() + (body or b""))


def post(server: Server, body: bytes, media_type: str = "application/json") -> Reply:
    """Ask for the statement of a document."""
    return ask(server, "POST", "/statements", body, f"Content-Type: {media_type}")

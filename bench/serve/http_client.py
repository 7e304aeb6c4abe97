"""An HTTP client: one request over a new connection, and its answer."""

from __future__ import annotations

import http.client

from bench.documents import headers_of
from bench.documents.answers import Answer, named
from bench.errors import LabError
from bench.model import Exchange
from bench.serve.ports import LOOPBACK

HELLO = Exchange(method="GET", path="/hello", body=None, expect=b"Hello, world!\n")


def ask(port: int, exchange: Exchange, timeout_seconds: float = 10.0, host: str = LOOPBACK) -> tuple[int, bytes]:
    """Return the status and body that one request gets over a new connection. Raises LabError without an answer."""
    answer = answered(port, exchange, timeout_seconds, host)
    return answer.status, answer.body


def answered(port: int, exchange: Exchange, timeout_seconds: float = 10.0, host: str = LOOPBACK) -> Answer:
    """Return the answer to one request over a new connection. Raises LabError if there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        _send(connection, exchange)
        response = connection.getresponse()
        return Answer(response.status, named(response.getheaders()), response.read())
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"{exchange.method} {exchange.path}: no answer: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _send(connection: http.client.HTTPConnection, exchange: Exchange) -> None:
    """Send the same headers as the pacer, because an application may echo them."""
    connection.putrequest(exchange.method, exchange.path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers_of(exchange, f"{connection.host}:{connection.port}").items():
        connection.putheader(name, value)
    connection.endheaders(exchange.body)

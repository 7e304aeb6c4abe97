"""A small document from a URL: read within a time limit for the whole exchange, not for each step of it.

The time limits of `urllib` and `http.client` begin anew with each byte that arrives.
"""

import socket
import ssl
import time
from contextlib import nullcontext
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

SCHEMES = ("https", "http", "file")
LIMIT_SECONDS = 3.0
MAX_BYTES = 256 * 1024


def checked(url: str) -> SplitResult:
    """The parts of a URL. Raises ValueError unless `fetched` can fetch it."""
    parts = urlsplit(url)
    if (
        parts.scheme not in SCHEMES
        or (parts.scheme == "file") == bool(parts.netloc)
        or parts.username
        or parts.port == 0
    ):
        raise ValueError(f"{url!r} is no URL like https://HOST/PATH or file:///PATH")
    return parts


def fetched(url: str, limit_seconds: float = LIMIT_SECONDS) -> bytes:
    """The document at a URL. Follows no redirection and uses no proxy.

    Raises OSError (TimeoutError), http.client.HTTPException, or ValueError for another status than 200 or a document
    that is too large.
    """
    parts = checked(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).read_bytes()
    with HTTPResponse(_Received(_exchanged(parts, time.monotonic() + limit_seconds))) as response:  # type: ignore[arg-type]
        response.begin()
        if response.status != 200:
            raise ValueError(f"{url} answers {response.status}")
        return response.read()


class _Received:
    """An answer that has arrived, in the form that HTTPResponse reads."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self.answer)


def _exchanged(parts: SplitResult, deadline: float) -> bytes:
    """Ask for the document and return all bytes until the server closes the connection, as it is asked to."""
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json, */*\r\nConnection: close\r\n\r\n"
    )
    address = host, parts.port or (443 if is_secure else 80)
    with socket.create_connection(address, _left(deadline)) as plain:
        secured = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else nullcontext(plain)
        )
        with secured as connection:
            connection.sendall(head.encode("ascii"))
            answer = bytearray()
            while True:
                connection.settimeout(_left(deadline))
                part = connection.recv(65_536)
                if not part:
                    return bytes(answer)
                answer += part
                if len(answer) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer takes too long")
    return left

"""A small document from a URL: read within a time limit for the whole exchange, not for each step of it.

The time limits of `urllib` and `http.client` begin anew with each byte that arrives.
"""

import ssl
from contextlib import nullcontext
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from app.deadline import NO_SIGNAL, connected, left, within

SCHEMES = ("https", "http", "file")
LIMIT_SECONDS = 3.0
MAX_BYTES = 256 * 1024


def checked(url: str) -> SplitResult:
    """The parts of a URL. Raises ValueError unless `fetched` can fetch it; the error shows no part of it.

    A URL with a name and a password is none: the error would be logged.
    """
    try:
        parts = urlsplit(url)
        is_right = (
            parts.scheme in SCHEMES
            and (parts.scheme == "file") != bool(parts.netloc)
            and "@" not in parts.netloc
            and parts.port != 0
        )
    except ValueError:  # it has a part of the URL
        is_right = False
    if not is_right:
        raise ValueError("it is no URL like https://HOST/PATH or file:///PATH")
    return parts


def fetched(url: str, limit_seconds: float = LIMIT_SECONDS) -> bytes:
    """The document at a URL. Follows no redirection and uses no proxy. The limit does not bound resolving the host.

    Raises OSError (TimeoutError), http.client.HTTPException, or ValueError for another status than 200 or a document
    that is too large.
    """
    parts = checked(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).read_bytes()
    with HTTPResponse(_Received(_exchanged(parts, within(limit_seconds)))) as response:  # type: ignore[arg-type]
        response.begin()
        if response.status != 200:
            raise ValueError(f"the answer has status {response.status}")
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
    with connected(host, parts.port or (443 if is_secure else 80), deadline) as plain:
        plain.settimeout(left(deadline))  # of the whole handshake
        secured = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else nullcontext(plain)
        )
        with secured as connection:
            connection.settimeout(left(deadline))
            connection.sendall(head.encode("ascii"), 0 if is_secure else NO_SIGNAL)  # TLS takes no flags
            answer = bytearray()
            while True:
                connection.settimeout(left(deadline))
                part = connection.recv(65_536)
                if not part:
                    return bytes(answer)
                answer += part
                if len(answer) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")

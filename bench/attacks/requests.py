"""Requests as bytes, right or spoilt on purpose, and the right answers to them."""

from __future__ import annotations

from app.core import transform

DOCUMENT = b'{"batch":"b","currency":"EUR","orders":[]}'
STATEMENT = transform(DOCUMENT).decode()
HELLO = "Hello, world!\n"
HIDDEN_MS = 7  # the wait that only hidden requests ask for
HIDDEN = f"Waited {HIDDEN_MS} ms.\n"
HOST = "Host: lab"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"  # of a chunked body


def head(line: str, *fields: str) -> bytes:
    """A request's head. Characters up to U+00FF stand for bytes, so that a field may contain any byte."""
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


def get(target: str = "/hello", *fields: str, version: str = "HTTP/1.1", host: str = HOST) -> bytes:
    """A GET without a body."""
    return head(f"GET {target} {version}", *filter(None, (host, *fields)))


def post(
    body: bytes, *fields: str, target: str = "/statements", version: str = "HTTP/1.1", media_type: str = JSON
) -> bytes:
    """A POST with exactly these fields beside Host and Content-Type; none says how long the body is."""
    return head(f"POST {target} {version}", HOST, media_type, *fields) + body


def length(body: bytes) -> str:
    """The field with the length of a body."""
    return f"Content-Length: {len(body)}"


def chunk(data: bytes, extension: str = "") -> bytes:
    """One chunk; without data it is the last one, and a trailer section must follow."""
    return f"{len(data):x}{extension}\r\n".encode("latin-1") + (data + b"\r\n" if data else b"")


def chunked(*parts: bytes) -> bytes:
    """A chunked body."""
    return b"".join(map(chunk, parts)) + END


def hidden() -> bytes:
    """The request that hides in the body of another one, and that must never be answered."""
    return get(f"/wait?ms={HIDDEN_MS}")

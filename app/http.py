"""What the service says over HTTP, whichever framework says it: bodies within bounds, and outcomes as statuses."""

import json
from collections.abc import Callable
from typing import Any

from app.core import InvalidDocument, MalformedDocument

DEFAULT_MAX_BYTES = 64 * 2**20
MAX_WAIT_MS = 10_000
HELLO = "Hello, world!\n"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PROBLEM = "application/problem+json"


class Problem(Exception):  # noqa: N818, it is the name that RFC 9457 gives it
    """An answer other than 200: its HTTP status, such as "404 Not Found", what is wrong, and further `members`."""

    def __init__(self, status: str, detail: str, **members: str) -> None:
        super().__init__(detail)
        self.status = status
        self.members = {"title": status[4:], "status": int(status[:3]), "detail": detail, **members}

    def body(self) -> bytes:
        """The problem details of RFC 9457, as JSON."""
        return json.dumps(self.members).encode()


def expect_json(media_type: str) -> None:
    """Problem 415 unless a body of this Content-Type is JSON."""
    if media_type != JSON and media_type.partition(";")[0].strip().lower() != JSON:
        raise Problem("415 Unsupported Media Type", f"the body must be {JSON}")


def read_document(environ: dict[str, Any], max_bytes: int) -> bytes:
    """The body of a POST, by the rules of WSGI; Problem 415, 411, 413, or 400 if it breaks off.

    The limit counts the bytes that are read, not those that are announced.
    """
    expect_json(environ.get("CONTENT_TYPE", ""))
    body_ends = environ.get("wsgi.input_terminated", False)  # if not, reading on after the body may never return
    if "HTTP_TRANSFER_ENCODING" in environ and not body_ends:
        raise Problem("411 Length Required", "this server does not hand on a body without Content-Length")
    announced = environ.get("CONTENT_LENGTH", "")
    if not announced:
        wanted = max_bytes + 1 if body_ends else 0
    elif announced.isdecimal() and len(announced) <= 20:
        wanted = min(int(announced), max_bytes + 1)
    else:
        raise Problem("400 Bad Request", "Content-Length is not a number of bytes")
    if not wanted:
        return b""
    try:
        document: bytes = environ["wsgi.input"].read(wanted)
    except Exception as error:  # each server has exceptions of its own for a body that breaks off or is framed wrong
        raise Problem("400 Bad Request", "the body cannot be read") from error
    return whole(document, max_bytes, int(announced) if announced else None)


def whole(document: bytes, max_bytes: int, announced: int | None) -> bytes:
    """What was read of a body, up to one byte more than the limit; Problem 413, or 400 if less came than announced."""
    if len(document) > max_bytes:
        raise Problem("413 Content Too Large", f"the body may have {max_bytes} bytes")
    if announced is not None and len(document) < min(announced, max_bytes + 1):
        raise Problem("400 Bad Request", f"the body ended after {len(document)} of {announced} bytes")
    return document


def answer(transform: Callable[[bytes], bytes], document: bytes) -> bytes:
    """The transform's answer to a document; Problem 400 or 422 if it is malformed or invalid."""
    try:
        return transform(document)
    except MalformedDocument as error:
        raise Problem("400 Bad Request", str(error)) from None
    except InvalidDocument as error:
        raise Problem("422 Unprocessable Content", "a rule is broken at the pointer", pointer=error.pointer) from None


def wait_seconds(ms: str | None) -> float:
    """How long `GET /wait?ms=` waits; Problem 400 unless `ms` is an integer from 0 to 10,000."""
    if ms is None or not (ms.isascii() and ms.isdecimal() and len(ms) <= 5) or int(ms) > MAX_WAIT_MS:
        raise Problem("400 Bad Request", f"ms must be an integer from 0 to {MAX_WAIT_MS}")
    return int(ms) / 1000


def waited(seconds: float) -> str:
    """The answer of `/wait` after waiting."""
    return f"Waited {seconds * 1000:.0f} ms.\n"

"""What all frameworks share: reading bodies within the limit, and turning outcomes into HTTP statuses."""

import json
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from app.core import InvalidDocument, MalformedDocument

DEFAULT_MAX_BYTES = 64 * 2**20
MAX_WAIT_MS = 10_000
HELLO = "Hello, world!\n"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PROBLEM = "application/problem+json"
FAILED = "the service failed"

# The quoted strings of a header's value. One that never closes goes to the end: searched for again at each of its
# quotes, it would take the square of its length.
without_quoted = re.compile(r'"(?:[^"\\]|\\.)*"?').sub

Handler = TypeVar("Handler")
Header = tuple[str, str]
Facts = Mapping[str, Callable[[], dict[str, Any]]]  # what the service says of itself, by path

REQUEST_ID: ContextVar[str | None] = ContextVar("REQUEST_ID", default=None)  # set by the layer `app.request_id`


class Problem(Exception):  # noqa: N818 - the name in RFC 9457
    """An answer other than 200: its HTTP status, such as "404 Not Found", a detail, headers, and further `members`."""

    def __init__(self, status: str, detail: str, *headers: Header, **members: str) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers
        self.members = {"title": status[4:], "status": int(status[:3]), "detail": detail, **members}

    def body(self) -> bytes:
        """The problem details of RFC 9457, as JSON; with the id of the request, if it has one."""
        named = REQUEST_ID.get()
        return json.dumps(self.members if named is None else {**self.members, "request_id": named}).encode()


def problem_of(error: Exception) -> Problem:
    """The problem of an error: itself, or status 500 for any other one. That is a bug, and logged."""
    if isinstance(error, Problem):
        return error
    from logging import getLogger  # noqa: PLC0415 - so that no start of a bare service waits for it

    getLogger(__name__).error(FAILED, exc_info=error)
    return Problem("500 Internal Server Error", FAILED)


def not_allowed(what: str, *methods: str) -> Problem:
    """The problem of a method that is none of those which `what` takes."""
    return Problem("405 Method Not Allowed", f"{what} takes {' and '.join(methods)}", ("Allow", ", ".join(methods)))


def max_bytes_of(env: Mapping[str, str]) -> int:
    """The largest document, from `STATEMENTS_MAX_BYTES`. Raises ValueError, which names the variable."""
    text = env.get("STATEMENTS_MAX_BYTES", str(DEFAULT_MAX_BYTES))
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):  # what `read` takes: 64 bits
        raise ValueError(f"STATEMENTS_MAX_BYTES: {text!r} is no number of bytes")
    return int(text)


def routed(routes: dict[str, tuple[str, Handler]], method: str, path: str) -> Handler:
    """The handler of a path, whose route is its method and its handler. Raises Problem 404 or 405."""
    if path not in routes:
        raise Problem("404 Not Found", path)
    allowed, handler = routes[path]
    if method != allowed:
        raise not_allowed(path, allowed)
    return handler


def as_routed(path: str) -> str:
    """The path as routers read it: Falcon and Flask take `//statements` for `/statements`."""
    return "/" + "/".join([part for part in path.split("/") if part])


def expect_json(media_type: str) -> None:
    """Raise Problem 415 unless the Content-Type is JSON."""
    if media_type != JSON and media_type.partition(";")[0].strip().lower() != JSON:
        raise Problem("415 Unsupported Media Type", f"the body must be {JSON}")


def read_document(environ: dict[str, Any], max_bytes: int) -> bytes:
    """Read the body of a POST, by the rules of WSGI.

    The limit applies to the bytes read, not to the Content-Length.

    Raises Problem 415, 411 or 413, or 400 if the body breaks off.
    """
    expect_json(environ.get("CONTENT_TYPE", ""))
    body_ends = environ.get("wsgi.input_terminated", False)  # if not, reading beyond the body may block forever
    if "HTTP_TRANSFER_ENCODING" in environ and not body_ends:
        raise Problem("411 Length Required", "this server passes no body without Content-Length")
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
    except Exception as error:  # servers raise their own exceptions for a broken body
        raise Problem("400 Bad Request", "the body cannot be read") from error
    return check_length(document, max_bytes, int(announced) if announced else None)


def check_length(document: bytes, max_bytes: int, announced: int | None) -> bytes:
    """Return a body of which at most one byte more than the limit was read.

    Raises Problem 413 if it is too large, or 400 if it is shorter than announced.
    """
    if len(document) > max_bytes:
        raise Problem("413 Content Too Large", f"the body may have {max_bytes} bytes")
    if announced is not None and len(document) < min(announced, max_bytes + 1):
        raise Problem("400 Bad Request", f"the body ended after {len(document)} of {announced} bytes")
    return document


def answer(transform: Callable[[bytes], bytes], document: bytes) -> bytes:
    """The transform's answer to a document. Raises Problem 400 if it is malformed, 422 if it is invalid."""
    try:
        return transform(document)
    except MalformedDocument as error:
        raise Problem("400 Bad Request", str(error)) from None
    except InvalidDocument as error:
        raise Problem("422 Unprocessable Content", "a rule is broken at the pointer", pointer=error.pointer) from None


def queried(query: str, *names: str) -> dict[str, str]:
    """The parameters of a query string. Raises Problem 400 for one that is not among `names`, or that occurs twice."""
    if not query:
        return {}
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in names or name in found:
            raise Problem("400 Bad Request", "the query has an unknown or repeated parameter", parameter=name)
        found[name] = value
    return found


def queried_wait(query: str) -> float:
    """The seconds that `GET /wait?ms=` waits. Raises Problem 400 unless `ms` is an integer from 0 to 10,000."""
    ms = queried(query, "ms").get("ms", "")
    if not (ms.isascii() and ms.isdecimal() and len(ms) <= 5) or int(ms) > MAX_WAIT_MS:
        raise Problem("400 Bad Request", f"ms must be an integer from 0 to {MAX_WAIT_MS}", parameter="ms")
    return int(ms) / 1000


def waited(seconds: float) -> str:
    """The answer of `/wait`."""
    return f"Waited {seconds * 1000:.0f} ms.\n"

"""The replies in the bytes that a server sent over one connection."""

from __future__ import annotations

import re
from typing import NamedTuple

STATUS = re.compile(rb"HTTP/(\d\.\d) (\d{3})")
LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
BODILESS = {204, 304}


class Reply(NamedTuple):
    """A final reply. It is not `complete` if its end has not come. `version` is that of its status line."""

    status: int
    body: bytes
    complete: bool
    version: str = "1.1"


class Replies(NamedTuple):
    """The final replies in their order, and the first bytes that are no reply."""

    replies: tuple[Reply, ...]
    rest: bytes


def parse(data: bytes, closed: bool) -> Replies:
    """Split `data` into replies. If the connection is `closed`, a body without a length is complete.

    Interim replies (1xx) are left out. Bodies are read as those of requests other than HEAD.
    """
    found: list[Reply] = []
    while data:
        match = STATUS.match(data)
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not match or not blank:
            return Replies(tuple(found), data)
        status = int(match[2])
        if status < 200:
            data = rest
            continue
        body, complete, data = _body(status, head, rest, closed)
        found.append(Reply(status, body, complete, match[1].decode()))
    return Replies(tuple(found), b"")


def _body(status: int, head: bytes, rest: bytes, closed: bool) -> tuple[bytes, bool, bytes]:
    """A reply's body, whether it is complete, and the bytes behind it."""
    if status in BODILESS:
        return b"", True, rest
    if CHUNKED.search(head):
        return _chunks(rest)
    length = LENGTH.search(head)
    if length is None:
        return rest, closed, b""
    size = int(length[1])
    return rest[:size], len(rest) >= size, rest[size:]


def _chunks(rest: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while True:
        line, ended, rest = rest.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return body, False, b""
        if not ended or len(rest) < size + 2:
            return body + rest[:size], False, b""
        if size == 0:
            return body, True, rest[2:]
        body, rest = body + rest[:size], rest[size + 2 :]

"""Too much: fields, lines, bodies and connections."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks.requests import CHUNKED, DOCUMENT, HELLO, HOST, JSON, STATEMENT, chunk, chunked, get, head, post
from bench.attacks.script import BOTH, REFUSED, Hold, Hostile, Leave, Send, Shut, Stream, hostile

size = partial(hostile, kind="size")
connections = partial(hostile, kind="connections")
MEBIBYTE = 2**20
BEYOND = 72 * MEBIBYTE  # a body above the service's limit of 64 MiB
HEAD = 16 * MEBIBYTE
IDLE = 300  # connections: more than Waitress takes, fewer than the backlog


def attacks() -> Iterator[Hostile]:
    """One attack for each thing there may be too much of."""
    yield from _heads()
    yield from _bodies()
    yield from _connections()


def _heads() -> Iterator[Hostile]:
    told = "RFC 9110, 5.4 (431) and RFC 9112, 3 (414); gunicorn tests/requests"
    for name, title, fields in (
        ("fields-100", "100 fields", [f"X-{number}: a" for number in range(100)]),
        ("fields-10000", "10,000 fields", [f"X-{number}: a" for number in range(10_000)]),
        ("field-64k", "a field of 64 KiB", ["X-Long: " + "a" * 65_536]),
    ):
        yield size(name, title, BOTH, told, get("/hello", *fields), expect=[HELLO])
    for name, title, count in (
        ("line-8000", "a request line of 8,000 bytes", 8_000),
        ("line-64k", "a request line of 64 KiB", 65_536),
        ("line-1m", "a request line of 1 MiB", MEBIBYTE),
    ):
        target = "/hello?" + "x" * (count - len("GET /hello? HTTP/1.1"))
        yield size(name, title, BOTH, told, get(target), expect=[HELLO])
    begun = head("GET /hello HTTP/1.1", HOST)[:-2]
    yield size("head-endless", "fields without end, 16 MiB", REFUSED, told,
               [Send(begun), Stream(b"X-More: " + b"a" * 1014 + b"\r\n", HEAD)])  # fmt: skip
    yield size("line-endless", "a request line without end, 16 MiB", REFUSED, told,
               [Send(b"GET /"), Stream(b"x" * 1024, HEAD)])  # fmt: skip


def _bodies() -> Iterator[Hostile]:
    told = "RFC 9110, 15.5.14 (413)"
    yield size("body-72m", "a body of 72 MiB, 8 MiB above the limit", REFUSED, told,
               [Send(post(b"", f"Content-Length: {BEYOND}")), Stream(b" " * 65_536, BEYOND)])  # fmt: skip
    yield size("body-endless", "a chunked body without end, 72 MiB", REFUSED, told,
               [Send(post(b"", CHUNKED)), Stream(chunk(b" " * 65_536), BEYOND)])  # fmt: skip
    padded = chunked(DOCUMENT)[:-5] + chunk(b" ") * 50_000 + b"0\r\n\r\n"
    yield size("chunks-50000", "50,000 chunks of one byte", BOTH, "RFC 9112, 7.1",
               [Send(post(padded, CHUNKED))], expect=[STATEMENT])  # fmt: skip
    yield size("length-cut", "1 TB announced, 42 bytes sent, then closed for sending", REFUSED, "RFC 9112, 8",
               [Send(post(DOCUMENT, "Content-Length: 1000000000000")), Shut()])  # fmt: skip


def _connections() -> Iterator[Hostile]:
    told = "RFC 9112, 9.5"
    whole = head("POST /statements HTTP/1.1", HOST, JSON, f"Content-Length: {len(DOCUMENT)}") + DOCUMENT
    yield connections("idle-300", "300 connections without a byte", BOTH, told, [Hold(), Leave()],
                      clients=IDLE, held=True)  # fmt: skip
    yield connections("leave-head", "closed within a head", BOTH, told, [Send(whole[:30]), Leave()])
    yield connections("leave-body", "closed within a body", BOTH, told, [Send(whole[:-9]), Leave()])
    yield connections("leave-answer", "closed before the answer", BOTH, told, [Send(whole), Leave()])
    yield connections("reset", "50 connections reset before the answer", BOTH, told,
                      [Send(whole), Leave(reset=True)], clients=50)  # fmt: skip
    yield connections("shut-at-once", "closed for sending without a byte", REFUSED, told, [Shut()])

"""Valid requests that are rare: each must be answered, or may be refused where a server need not support it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks import requests
from bench.attacks.requests import CHUNKED, DOCUMENT, HELLO, JSON, STATEMENT, chunk, chunked, get, length, post
from bench.attacks.script import ANSWERED, BOTH, Drip, Hostile, Pause, Send, Shut, hostile

valid = partial(hostile, kind="valid")
ALIVE = "Connection: keep-alive"
EXPECT = "Expect: 100-continue"
URGED_SECONDS = 2.0  # for 100 or a final status, which must come before the body


def attacks() -> Iterator[Hostile]:
    """Valid requests by version, framing and connection."""
    sized = post(DOCUMENT, length(DOCUMENT))
    yield valid("get", "GET by HTTP/1.1", ANSWERED, "RFC 9112, 3", get(), expect=[HELLO])
    yield valid("post", "POST by HTTP/1.1", ANSWERED, "RFC 9112, 6.2", sized, expect=[STATEMENT])
    yield from _old()
    yield from _chunked()
    yield from _connections(sized)
    yield valid(
        "absolute-target",
        "GET with the whole URL as its target, as to a proxy",
        ANSWERED,
        "RFC 9112, 3.2.2; http-garden",
        get("http://lab/hello"),
        expect=[HELLO],
    )
    yield valid(
        "high-bytes-in-value",
        "bytes beyond ASCII in a field value",
        ANSWERED,
        "RFC 9110, 5.5 (obs-text); gunicorn tests/requests",
        get("/hello", "X-Name: \xe9\xff", "X-Empty:", "X-Tab: a\tb"),
        expect=[HELLO],
    )
    yield valid(
        "high-bytes-thrice",
        "bytes beyond ASCII over 3 connections at once, after 10 good requests",
        ANSWERED,
        "RFC 9110, 5.5 (obs-text)",
        get("/hello", "X-Name: \xe9\xff"),
        expect=[HELLO],
        clients=3,
        before=10,
    )
    yield valid(
        "blank-line-first",
        "an empty line before the request line",
        BOTH,
        "RFC 9112, 2.2",
        b"\r\n" + get(),
        expect=[HELLO],
    )
    announced = post(b"", length(DOCUMENT), EXPECT)
    waited = f"Expect: 100-continue, the body after {URGED_SECONDS:g} s without a word"
    yield valid("expect-continue", waited, ANSWERED, "RFC 9110, 10.1.1",
                [Send(announced), Pause(URGED_SECONDS), Send(DOCUMENT)], expect=[STATEMENT], urged=True)  # fmt: skip
    yield valid("minor-version-2", "HTTP/1.2 in the request line", BOTH, "RFC 9110, 2.5",
                get(version="HTTP/1.2"), expect=[HELLO])  # fmt: skip


def _old() -> Iterator[Hostile]:
    """HTTP/1.0, nginx's default towards a server."""
    old = "HTTP/1.0"
    yield valid("http-1.0", "GET by HTTP/1.0 without Host", ANSWERED, "RFC 9112, 3.2", get(version=old, host=""),
                expect=[HELLO])  # fmt: skip
    yield valid(
        "http-1.0-kept",
        "GET by HTTP/1.0 with Connection: keep-alive",
        ANSWERED,
        "RFC 9112, 9.3",
        get("/hello", ALIVE, version=old),
        expect=[HELLO],
    )
    yield valid(
        "http-1.0-post",
        "POST by HTTP/1.0",
        ANSWERED,
        "RFC 9112, 6.2",
        post(DOCUMENT, length(DOCUMENT), version=old),
        expect=[STATEMENT],
    )
    yield valid(
        "http-1.0-post-kept",
        "POST by HTTP/1.0 with Connection: keep-alive",
        ANSWERED,
        "RFC 9112, 9.3",
        post(DOCUMENT, length(DOCUMENT), ALIVE, version=old),
        expect=[STATEMENT],
    )


def _chunked() -> Iterator[Hostile]:
    """Chunked bodies. A server without support for them may ask for a length (411)."""
    post_chunked = partial(post, media_type=f"{JSON}\r\n{CHUNKED}")
    told = "RFC 9112, 7.1; llhttp test/request"
    parts = DOCUMENT[:9], DOCUMENT[9:]
    yield valid("chunked", "a chunked body", BOTH, told, post_chunked(chunked(*parts)), expect=[STATEMENT])
    yield valid(
        "chunk-extension",
        "chunk extensions",
        BOTH,
        "RFC 9112, 7.1.1; llhttp test/request",
        post_chunked(chunk(DOCUMENT, ';a=b;c="d e"') + requests.END),
        expect=[STATEMENT],
    )
    yield valid(
        "chunk-zeros",
        "a chunk size with leading zeros",
        BOTH,
        told,
        post_chunked(b"00000000" + chunked(DOCUMENT)),
        expect=[STATEMENT],
    )
    yield valid(
        "trailer",
        "a trailer field",
        BOTH,
        "RFC 9112, 7.1.2; gunicorn tests/requests",
        post_chunked(chunk(DOCUMENT) + b"0\r\nX-Sum: 1\r\n\r\n"),
        expect=[STATEMENT],
    )


def _connections(sized: bytes) -> Iterator[Hostile]:
    """Several requests of one connection, requests in many parts, and connections that are closed for sending.

    A server may close a connection after any answer, so that an answer to the first requests alone is right, too.
    """
    waits = get("/wait?ms=1"), get("/wait?ms=2")
    yield valid(
        "pipelined",
        "3 GETs in one write",
        BOTH,
        "RFC 9112, 9.3.2; llhttp test/request/pipelining",
        get() + waits[0] + waits[1],
        expect=[HELLO, "Waited 1 ms.\n", "Waited 2 ms.\n"],
    )
    yield valid(
        "get-after-post",
        "a GET in the same write as a POST",
        BOTH,
        "RFC 9112, 9.3.2",
        sized + waits[0],
        expect=[STATEMENT, "Waited 1 ms.\n"],
    )
    yield valid("byte-by-byte", "a POST in writes of one byte", ANSWERED, "RFC 9112, 2.2", [Drip(sized, 0.001)],
                expect=[STATEMENT])  # fmt: skip
    yield valid("half-closed", "a POST, then its sending side closed", BOTH, "RFC 9112, 9.6", [Send(sized), Shut()],
                expect=[STATEMENT])  # fmt: skip

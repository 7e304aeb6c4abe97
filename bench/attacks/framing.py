"""Spoilt heads: lengths, transfer codings, field lines, request lines and versions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks.requests import CHUNKED, DOCUMENT, HELLO, HOST, JSON, STATEMENT, chunked, get, head, length, post
from bench.attacks.script import BOTH, REFUSED, Hostile, Send, Shut, hostile

framing = partial(hostile, kind="framing")
SIZE = len(DOCUMENT)


def attacks() -> Iterator[Hostile]:
    """One attack for each way to spoil a head."""
    yield from _lengths()
    yield from _codings()
    yield from _fields()
    yield from _lines()


def _lengths() -> Iterator[Hostile]:
    """Lengths. A list of equal ones is valid for a lenient server. Any other MUST get 400 and the connection's end."""
    told = "RFC 9112, 6.3; llhttp test/request/content-length"
    post_statement = partial(framing, expect=[STATEMENT])
    twice = post(DOCUMENT, length(DOCUMENT), length(DOCUMENT))
    yield post_statement("length-twice", "Content-Length twice, equal", BOTH, told, twice)
    listed = post(DOCUMENT, f"Content-Length: {SIZE}, {SIZE}")
    yield post_statement("length-listed", "Content-Length as a list of equals", BOTH, told, listed)
    for name, title, values in (
        ("length-unequal", "Content-Length twice, unequal", (f"{SIZE}", f"{SIZE - 1}")),
        ("length-list-unequal", "Content-Length as a list of unequals", (f"{SIZE}, {SIZE - 1}",)),
        ("length-plus", "Content-Length with a plus", (f"+{SIZE}",)),
        ("length-minus", "Content-Length below zero", ("-1",)),
        ("length-hex", "Content-Length in hexadecimal", (f"0x{SIZE:x}",)),
        ("length-letters", "Content-Length with letters behind", (f"{SIZE}a",)),
        ("length-space", "Content-Length with a space inside", ("4 2",)),
        ("length-empty", "Content-Length without a value", ("",)),
    ):
        spoilt = post(DOCUMENT, *(f"Content-Length: {value}" for value in values))
        yield framing(name, title, REFUSED, told, spoilt, status=400, closes=True)
    spaced = post(DOCUMENT, f"Content-Length : {SIZE}")
    yield framing("length-colon", "a space between Content-Length and its colon", REFUSED, "RFC 9112, 5.1", spaced,
                  status=400)  # fmt: skip
    overflow = Send(post(DOCUMENT, f"Content-Length: {2**64 + SIZE}"))
    yield framing("length-overflow", "Content-Length of 2 to the 64th and more, cut", REFUSED, told, [overflow, Shut()])


def _codings() -> Iterator[Hostile]:
    """Transfer codings other than plain `chunked`, and `chunked` where it is an error.

    Without `chunked` as the final one a request MUST get 400 and the connection's end (6.3); an unknown coding SHOULD
    get 501 (6.1).
    """
    told = "RFC 9112, 6.1 and 6.3; gunicorn tests/requests; llhttp test/request/transfer-encoding"
    body = chunked(DOCUMENT)
    for name, title, field in (
        ("coding-unknown", "an unknown transfer coding", "Transfer-Encoding: xchunked"),
        ("coding-not-last", "chunked before another coding", "Transfer-Encoding: chunked, identity"),
        ("coding-control", "a control character before chunked", "Transfer-Encoding: \x0bchunked"),
    ):
        yield framing(name, title, REFUSED, told, post(body, field), status=400, or_status=501, closes=True)
    yield framing("coding-space", "a space between Transfer-Encoding and its colon", REFUSED, "RFC 9112, 5.1",
                  post(body, "Transfer-Encoding : chunked"), status=400)  # fmt: skip
    for name, title, fields, version, closes in (
        ("coding-and-length", "Transfer-Encoding beside Content-Length", (CHUNKED, length(body)), "HTTP/1.1", True),
        ("coding-twice", "chunked twice", (CHUNKED, CHUNKED), "HTTP/1.1", False),
        ("coding-capitals", "CHUNKED in capitals", ("Transfer-Encoding: CHUNKED",), "HTTP/1.1", False),
        ("coding-http-1.0", "Transfer-Encoding by HTTP/1.0", (CHUNKED,), "HTTP/1.0", True),
    ):
        sent = post(body, *fields, version=version)
        yield framing(name, title, BOTH, told, sent, expect=[STATEMENT], closes=closes)


def _fields() -> Iterator[Hostile]:
    """Field lines. Only Host must be there once; other errors may be refused or mended."""
    told = "RFC 9112, 5; gunicorn tests/requests; llhttp test/request/invalid"
    for name, title, fields in (
        ("fold", "a field on two lines (obs-fold)", ("X-Fold: a", " b")),
        ("no-colon", "a field without a colon", ("no colon",)),
        ("no-name", "a field without a name", (": a",)),
        ("bad-name", "a field name that is no token", ("X(@): a",)),
        ("nul-in-name", "NUL in a field name", ("X\0Y: a",)),
        ("nul-in-value", "NUL in a field value", ("X-Nul: a\0b",)),
        ("cr-in-value", "a bare CR in a field value", ("X-Cr: a\rb",)),
        ("lf-in-value", "a bare LF at the end of a field", ("X-Lf: a\nX-Next: b",)),
    ):
        yield framing(name, title, BOTH, told, get("/hello", *fields), expect=[HELLO])
    spaced = head("GET /hello HTTP/1.1", " X-First: a", HOST)
    yield framing("space-before-fields", "white space before the first field", BOTH, "RFC 9112, 2.2", spaced,
                  expect=[HELLO])  # fmt: skip
    for name, title, hosts in (
        ("no-host", "no Host by HTTP/1.1", ()),
        ("two-hosts", "Host twice", (HOST, "Host: other")),
        ("bad-host", "an invalid Host", ("Host: a b/c",)),
        ("host-folded", "Host on two lines (obs-fold)", (HOST, " X-First: a")),
    ):
        spoilt = head("GET /hello HTTP/1.1", *hosts)
        yield framing(name, title, REFUSED, "RFC 9112, 3.2 and 5.2; llhttp test/request", spoilt, status=400)


def _lines() -> Iterator[Hostile]:
    """Request lines: a server ought to refuse what it cannot parse, and may be lenient."""
    told = "RFC 9112, 2.2 and 3; gunicorn tests/requests; http-garden"
    for name, title, line in (
        ("line-spaces", "three spaces in the request line", "GET   /hello   HTTP/1.1"),
        ("line-tabs", "tabs in the request line", "GET\t/hello\tHTTP/1.1"),
        ("version-2.0", "HTTP/2.0 in the request line", "GET /hello HTTP/2.0"),
        ("version-9.9", "HTTP/9.9 in the request line", "GET /hello HTTP/9.9"),
        ("version-letters", "HTTP/x.y in the request line", "GET /hello HTTP/x.y"),
        ("version-small", "http/1.1 in small letters", "GET /hello http/1.1"),
        ("target-fragment", "a fragment in the target", "GET /hello#x HTTP/1.1"),
        ("target-high", "bytes beyond ASCII in the target", "GET /hello\xff HTTP/1.1"),
        ("target-nul", "NUL in the target, in percent", "GET /hello%00 HTTP/1.1"),
        ("target-authority", "GET with host and port as its target", "GET lab:80 HTTP/1.1"),
        ("target-star", "GET with * as its target", "GET * HTTP/1.1"),
        ("options-star", "OPTIONS with * as its target", "OPTIONS * HTTP/1.1"),
        ("method-unknown", "an unknown method", "BREW /hello HTTP/1.1"),
    ):
        yield framing(name, title, BOTH, told, head(line, HOST), expect=[HELLO])
    yield framing("connect", "CONNECT", REFUSED, "RFC 9110, 9.3.6", head("CONNECT lab:443 HTTP/1.1", "Host: lab:443"))
    yield framing("http-0.9", "GET without a version (HTTP/0.9)", BOTH, "RFC 9112, 2.3; http-garden",
                  b"GET /hello\r\n\r\n", expect=[HELLO])  # fmt: skip
    lines = get("/hello", "X-Lf: a").replace(b"\r\n", b"\n")
    yield framing("lines-lf", "lines that end in a bare LF, cut", BOTH, "RFC 9112, 2.2", [Send(lines), Shut()],
                  expect=[HELLO])  # fmt: skip
    hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n"
    yield framing("tls", "a TLS handshake to a port without TLS", REFUSED, "RFC 9112, 2.2", hello)
    prefix = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield framing("http-2-preface", "the preface of HTTP/2", BOTH, "RFC 9113, 3.4", prefix)
    yield framing("media-type-twice", "Content-Type twice", BOTH, "RFC 9110, 5.3",
                  post(DOCUMENT, JSON, length(DOCUMENT)), expect=[STATEMENT])  # fmt: skip

"""Spoilt chunked bodies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks.requests import CHUNKED, DOCUMENT, END, STATEMENT, chunk, chunked, post
from bench.attacks.script import BOTH, REFUSED, Hostile, Send, Shut, hostile

bad = partial(hostile, kind="chunks")
TOLD = "RFC 9112, 7.1; gunicorn tests/requests; llhttp test/request/transfer-encoding"
SIZE = len(DOCUMENT)


def attacks() -> Iterator[Hostile]:
    """One attack for each way to spoil a chunked body."""
    for name, title, size in (
        ("size-letters", "a chunk size that is no number", "zz"),
        ("size-minus", "a chunk size below zero", "-1"),
        ("size-plus", "a chunk size with a plus", f"+{SIZE:x}"),
        ("size-0x", "a chunk size with 0x", f"0x{SIZE:x}"),
        ("size-empty", "an empty chunk size", ""),
    ):
        yield bad(name, title, REFUSED, TOLD, _posted(f"{size}\r\n".encode() + DOCUMENT + b"\r\n" + END))
    overflow = _posted(f"{2**64 + SIZE:x}\r\n".encode() + DOCUMENT + b"\r\n" + END)
    yield bad("size-overflow", "a chunk size of 2 to the 64th and more, cut", REFUSED, TOLD, [Send(overflow), Shut()])
    yield bad("data-longer", "a chunk longer than its size", REFUSED, TOLD,
              _posted(f"{SIZE - 2:x}\r\n".encode() + DOCUMENT + b"\r\n" + END))  # fmt: skip
    yield bad("data-unterminated", "no line end behind a chunk", REFUSED, TOLD,
              _posted(f"{SIZE:x}\r\n".encode() + DOCUMENT + END))  # fmt: skip
    broken = "RFC 9112, 8"
    yield bad("cut-in-chunk", "closed for sending within a chunk", REFUSED, broken,
              [Send(_posted(f"{SIZE:x}\r\n".encode() + DOCUMENT[:9])), Shut()])  # fmt: skip
    yield bad("cut-before-end", "closed for sending before the last chunk", REFUSED, broken,
              [Send(_posted(chunk(DOCUMENT))), Shut()])  # fmt: skip
    lenient = partial(bad, expect=[STATEMENT])
    yield lenient("cut-in-end", "closed for sending behind the last chunk, before the empty line", BOTH, broken,
                  [Send(_posted(chunk(DOCUMENT) + b"0\r\n")), Shut()])  # fmt: skip
    yield lenient("size-spaces", "spaces behind a chunk size", BOTH, TOLD,
                  _posted(f"{SIZE:x}  \r\n".encode() + DOCUMENT + b"\r\n" + END))  # fmt: skip
    yield lenient("size-lf", "a bare LF behind a chunk size", BOTH, f"{TOLD}; http-garden",
                  _posted(f"{SIZE:x}\n".encode() + DOCUMENT + b"\r\n" + END))  # fmt: skip
    yield lenient("extension-huge", "a chunk extension of 64 KiB", BOTH, "RFC 9112, 7.1.1",
                  _posted(chunk(DOCUMENT, ";" + "x" * 65_536) + END))  # fmt: skip
    yield lenient("trailer-length", "Content-Length as a trailer", BOTH, "RFC 9110, 6.5.1; gunicorn tests/requests",
                  _posted(chunked(DOCUMENT)[:-2] + b"Content-Length: 1\r\n\r\n"))  # fmt: skip


def _posted(body: bytes) -> bytes:
    return post(body, CHUNKED)

"""Requests that hide in the body of another one: a server that answers them lets a client get past its proxy's rules.

Each hidden request is a valid GET that nothing else asks for (`requests.hidden`), so that its answer gives it away.
The variants are those of "HTTP Desync Attacks" (Kettle, 2019) and of http-garden.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks.requests import CHUNKED, DOCUMENT, END, HELLO, STATEMENT, chunk, chunked, get, hidden, length, post
from bench.attacks.script import BOTH, REFUSED, Hostile, hostile

smuggle = partial(hostile, kind="smuggling")
TOLD = "RFC 9112, 6.3 and 11.2; http-garden"


def attacks() -> Iterator[Hostile]:
    """One attack for each way to hide a request."""
    yield from _lengths()
    yield from _codings()
    yield from _unread()


def _lengths() -> Iterator[Hostile]:
    """By two lengths, of which one covers the hidden request."""
    body, whole = DOCUMENT + hidden(), DOCUMENT
    for name, title, values in (
        ("lengths-first", "two lengths, the first covers it", (len(body), len(whole))),
        ("lengths-second", "two lengths, the second covers it", (len(whole), len(body))),
    ):
        sent = post(body, *(f"Content-Length: {value}" for value in values))
        yield smuggle(name, title, REFUSED, TOLD, sent, status=400, closes=True)
    listed = post(body, f"Content-Length: {len(whole)}, {len(body)}")
    yield smuggle(
        "lengths-list", "a list of lengths, the last covers it", REFUSED, TOLD, listed, status=400, closes=True
    )
    spaced = get("/hello", f"Content-Length : {len(hidden())}") + hidden()
    yield smuggle("hidden-length-colon", "behind a length with a space before its colon", REFUSED, "RFC 9112, 5.1",
                  spaced, status=400)  # fmt: skip


def _codings() -> Iterator[Hostile]:
    """By a length and a transfer coding, plain or disguised, or by the ends of chunks."""
    ended = chunked(DOCUMENT) + hidden()  # the coding ends before the hidden request, the length behind it
    within = chunk(DOCUMENT) + chunk(hidden()) + END
    lenient = partial(smuggle, expect=[STATEMENT])
    yield lenient("length-over-coding", "the length covers it, the coding does not", BOTH, TOLD,
                  post(ended, length(ended), CHUNKED), closes=True)  # fmt: skip
    short = f"Content-Length: {within.index(b'GET ')}"
    yield smuggle("coding-over-length", "the coding covers it, the length does not", BOTH, TOLD,
                  post(within, short, CHUNKED), closes=True)  # fmt: skip
    for name, title, field in (
        ("coding-unknown", "behind an unknown coding", "Transfer-Encoding: xchunked"),
        ("coding-control", "behind a coding with a control character", "Transfer-Encoding: \x0bchunked"),
        ("coding-not-last", "behind a coding that ends in identity", "Transfer-Encoding: chunked, identity"),
    ):
        yield smuggle(f"hidden-{name}", title, REFUSED, TOLD, post(ended, length(ended), field),
                      status=400, or_status=501, closes=True)  # fmt: skip
    yield smuggle("hidden-coding-space", "behind a coding with a space before its colon", REFUSED, "RFC 9112, 5.1",
                  post(ended, length(ended), "Transfer-Encoding : chunked"), status=400)  # fmt: skip
    folded = "Transfer-Encoding:\r\n chunked"
    yield lenient("coding-folded", "behind a coding on two lines", BOTH, TOLD, post(ended, length(ended), folded),
                  closes=True)  # fmt: skip
    bare = "X-Lf: a\rTransfer-Encoding: chunked"
    yield smuggle("coding-behind-cr", "behind a coding after a bare CR", BOTH, TOLD, post(ended, length(ended), bare))
    yield lenient("hidden-coding-http-1.0", "behind a coding by HTTP/1.0 with keep-alive", BOTH, "RFC 9112, 6.1",
                  post(ended, CHUNKED, "Connection: keep-alive", version="HTTP/1.0"), closes=True)  # fmt: skip
    # A parser that skips two bytes behind a chunk, whatever they are, reads the end of the body and one more request.
    spilt = chunk(DOCUMENT)[:-2] + b"XX" + END + hidden()
    yield smuggle("chunk-spill", "behind a chunk with two bytes in place of its line end", REFUSED, "RFC 9112, 7.1",
                  post(spilt, CHUNKED))  # fmt: skip
    # A parser that takes LF for the end of a line reads two chunks, any other the end of the body and one more request.
    split = b"2;\nxx\r\n" + chunk(END + hidden()) + END
    yield smuggle("extension-lf", "in a chunk behind a bare LF in an extension", BOTH, "RFC 9112, 7.1.1; http-garden",
                  post(split, CHUNKED))  # fmt: skip


def _unread() -> Iterator[Hostile]:
    """As the body of a request whose answer does not need it."""
    told = "RFC 9112, 9.3"
    body = hidden()
    yield smuggle("body-of-get", "as the body of a GET", BOTH, told, get("/hello", length(body)) + body,
                  expect=[HELLO])  # fmt: skip
    yield smuggle("body-of-get-chunked", "as the chunked body of a GET", BOTH, told,
                  get("/hello", CHUNKED) + chunked(body), expect=[HELLO])  # fmt: skip
    yield smuggle("body-of-404", "as the body for an unknown path", REFUSED, told,
                  post(body, length(body), target="/nope"))  # fmt: skip
    yield smuggle("body-of-415", "as a body of the wrong media type", REFUSED, told,
                  post(body, length(body), media_type="Content-Type: text/plain"))  # fmt: skip
    yield smuggle("body-of-expect", "as a body that was not asked for (Expect: 100-continue)", REFUSED,
                  "RFC 9110, 10.1.1", post(body, length(body), "Expect: 100-continue", target="/nope"))  # fmt: skip

"""Slow clients: each holds a server's connection for as long as the server allows.

A server ought to end such a connection, by status 408 or without an answer, but no RFC says when.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.attacks.requests import CHUNKED, DOCUMENT, get, post
from bench.attacks.script import BOTH, REFUSED, Drip, Hostile, Send, hostile

slow = partial(hostile, kind="slow")
MANY, FEW = 100, 6  # connections; 6 are more than a worker has threads
LONG = 600  # bytes: at one a second, longer than any time limit


def attacks() -> Iterator[Hostile]:
    """One attack for each part of a request that may never come."""
    told = "RFC 9110, 15.5.9 (408) and RFC 9112, 9.5"
    whole = post(DOCUMENT, f"Content-Length: {LONG}")
    yield slow("idle", "a connection without a byte", REFUSED, told, [])
    yield slow("head-stalls", "half a head, then nothing", REFUSED, told, [Send(whole[:30])])
    yield slow("head-drips", "a head, a byte a second", REFUSED, told,
               [Send(get()[:-2] + b"X-Slow: "), Drip(b"a" * LONG, 1.0)])  # fmt: skip
    yield slow("body-stalls", "half a body, then nothing", REFUSED, told, [Send(whole)])
    yield slow("bodies-stall", f"{FEW} connections with half a body", REFUSED, told, [Send(whole)], clients=FEW)
    yield slow("body-drips", "a body, a byte a second", REFUSED, told, [Send(whole), Drip(b" " * LONG, 1.0)])
    yield slow("chunk-stalls", "half a chunk, then nothing", REFUSED, told, [Send(post(b"ff\r\n{", CHUNKED))])
    yield slow("heads-stall", f"{MANY} connections with half a head", REFUSED, told, [Send(whole[:30])], clients=MANY)
    yield slow("answers-unread", "20,000 GETs, no answer read", BOTH, told, [Send(get() * 20_000)], reads=False)

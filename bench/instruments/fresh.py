"""Documents named anew for this run, each beside the same that the load sent, asked one at a time.

Where eight users wait for one worker, an answer that is kept waits for one that is worked out, and both take about as
long. Here nobody else asks. Server CPU is told of each request, too: a server may sleep beside an answer that it keeps.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from itertools import islice
from typing import NamedTuple

from bench import documents
from bench.errors import LabError
from bench.instruments.paced import Metrics
from bench.model import Exchange
from bench.serve import Running

PAIRS, FEWEST = 24, 2
ENOUGH_SECONDS = 0.15  # for all pairs; of documents that take long there are fewer
SETTLED_SECONDS = 0.001  # after an answer, for the server to tidy up and for the kernel to write up its CPU time
FINE_SECONDS = 1e-5  # the resolution that a CPU clock needs to tell of one request
PATIENCE_SECONDS = 60.0


class Cost(NamedTuple):
    """What a request took: seconds until its answer, and seconds of the server's CPU time."""

    seconds: float
    cpu_seconds: float


def beside_seen(running: Running, sent: list[Exchange]) -> Metrics:
    """`fresh.time` and `fresh.cpu`: the least that fresh documents took, in units of the least that seen ones did.

    The least, as whatever else runs only adds to it. Nothing is told of documents without a batch that could be named,
    and of CPU time where its clock is too coarse. Raises LabError for an answer that is wrong or missing.
    """
    seen, fresh = [], []
    began = time.perf_counter()
    with closing(HTTPConnection(running.host, running.port, timeout=PATIENCE_SECONDS)) as connection:
        for known, renamed in islice(_pairs(sent), PAIRS):
            seen.append(_cost(running, connection, known))
            fresh.append(_cost(running, connection, renamed))
            if len(seen) >= FEWEST and time.perf_counter() > began + ENOUGH_SECONDS:
                break
    if len(seen) < FEWEST:
        return {}
    told: Metrics = {"fresh.time": ("1", min(c.seconds for c in fresh) / min(c.seconds for c in seen))}
    if running.cpu.resolution_seconds <= FINE_SECONDS:
        told["fresh.cpu"] = ("1", min(c.cpu_seconds for c in fresh) / min(c.cpu_seconds for c in seen))
    return told


def _pairs(sent: list[Exchange]) -> Iterator[tuple[Exchange, Exchange]]:
    """What was sent, from all over the rotation, each with the same under a name that nobody could know."""
    prefix = f"{secrets.token_hex(4)}-"
    for known in sent[:: -(-len(sent) // PAIRS)]:
        renamed = documents.renamed(known, prefix)
        if renamed != known:
            yield known, renamed


def _cost(running: Running, connection: HTTPConnection, exchange: Exchange) -> Cost:
    before, began = running.cpu.read(), time.perf_counter()
    try:
        said = _answer(connection, exchange)
    except (OSError, HTTPException):
        connection.close()  # a kept connection that the server has closed; how often it does so a load tells
        said = _answer(connection, exchange)
    seconds = time.perf_counter() - began
    if said != (exchange.status, exchange.expect):
        got = f"status {said[0]}, {len(said[1])} bytes"
        raise LabError(f"wrong answer to {exchange.method} {exchange.path}, a document named anew: {got}")
    time.sleep(SETTLED_SECONDS)
    return Cost(seconds, running.cpu.read() - before)


def _answer(connection: HTTPConnection, exchange: Exchange) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} | exchange.headers
    connection.request(exchange.method, exchange.path, exchange.body, headers)
    response = connection.getresponse()
    return response.status, response.read()

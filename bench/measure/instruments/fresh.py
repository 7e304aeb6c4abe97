"""Fresh documents timed against documents that the load sent, one request at a time.

Where eight users wait for one worker, an answer that is kept waits for one that is worked out, and both take about as
long. Here nobody else asks. Server CPU is told of each request, too: a server may sleep beside an answer that it keeps.
"""

from __future__ import annotations

import socket
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from random import SystemRandom
from typing import NamedTuple

from bench.errors import RIGHT, LabError
from bench.measure.instruments.paced import Metrics
from bench.model import Exchange
from bench.serve.life_cycle import RunningServer

FEWEST = 2  # pairs
SETTLED_SECONDS = 0.003  # after an answer, for the server to tidy up and for the kernel to write up its CPU time
WAITS = 2.0  # seconds to an answer in units of the server's CPU time; beyond that something waits
FINE_SECONDS = 1e-5  # the resolution that a CPU clock needs to tell of one request
PATIENCE_SECONDS = 60.0


class FreshCost(NamedTuple):
    """What a request took: seconds until its answer, and seconds of the server's CPU time."""

    seconds: float
    cpu_seconds: float


def beside_seen(running: RunningServer, sent: list[Exchange], fresh: list[Exchange]) -> Metrics:
    """`fresh.time` and `fresh.cpu`: the least that a fresh document took, in units of the least of as many seen ones.

    Nothing is told where there are too few, and nothing of CPU time where its clock is too coarse. Raises LabError for
    an answer that is wrong or missing.
    """
    count = min(len(sent), len(fresh))
    if count < FEWEST:
        return {}
    pairs = zip(SystemRandom().sample(sent, count), fresh, strict=False)  # such as nobody could know, too
    with closing(HTTPConnection(running.host, running.port, timeout=PATIENCE_SECONDS)) as connection:
        asked = [_in_random_order(running, connection, pair) for pair in pairs]
    seen, new = zip(*asked, strict=True)
    is_fine = running.cpu.resolution_seconds <= FINE_SECONDS
    # The least of each: what else runs makes no request cheaper.
    least, least_seen = (min(_worked(cost, is_fine) for cost in costs) for costs in (new, seen))
    told: Metrics = {"fresh.time": ("1", least / least_seen)}
    seen_cpu_seconds = min(cost.cpu_seconds for cost in seen)
    if is_fine and seen_cpu_seconds > 0:
        told["fresh.cpu"] = ("1", min(c.cpu_seconds for c in new) / seen_cpu_seconds)
    return told


def _worked(cost: FreshCost, is_fine: bool) -> float:
    """The seconds until an answer, without those of waiting: no more than twice the server's CPU time.

    A proxy may await a delayed acknowledgement, 40 ms long, for most requests.
    """
    return min(cost.seconds, WAITS * cost.cpu_seconds) if is_fine and cost.cpu_seconds > 0 else cost.seconds


def _in_random_order(
    running: RunningServer, connection: HTTPConnection, pair: tuple[Exchange, Exchange]
) -> list[FreshCost]:
    """What both of a pair took: a delayed acknowledgement may strike every other request of a connection."""
    order = SystemRandom().sample((0, 1), 2)
    costs = {at: _cost(running, connection, pair[at]) for at in order}
    return [costs[0], costs[1]]


def _cost(running: RunningServer, connection: HTTPConnection, exchange: Exchange) -> FreshCost:
    before, began = running.cpu.read(), time.perf_counter()
    try:
        said = _answer(connection, exchange)
    except (OSError, HTTPException):
        connection.close()  # a kept connection that the server has closed; how often it does so a load tells
        said = _answer(connection, exchange)
    seconds = time.perf_counter() - began
    if said != (exchange.status, exchange.expect):
        got = f"status {said[0]}, {len(said[1])} bytes"
        raise LabError(
            f"wrong answer to {exchange.method} {exchange.path}, a document of a secret seed: {got}", gate=RIGHT
        )
    time.sleep(SETTLED_SECONDS)
    return FreshCost(seconds, running.cpu.read() - before)


def _answer(connection: HTTPConnection, exchange: Exchange) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} | exchange.headers
    connection.request(exchange.method, exchange.path, exchange.body, headers)
    # Else a proxy that sends an answer in two parts waits 40 ms for the acknowledgement of the first, now and then.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    response = connection.getresponse()
    return response.status, response.read()

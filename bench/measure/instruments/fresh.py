"""Fresh documents compared to documents of the load, one request at a time, to detect cached answers.

Under load a cached answer may wait for computed ones, so that both take equally long. Here there are no other users.
Server CPU is compared, too, because a server may sleep before it returns a cached answer.
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
SETTLE_SECONDS = 0.003  # after an answer, for the server to clean up and the kernel to account its CPU time
MAX_WAIT = 2.0  # time to an answer as a multiple of the server's CPU time; any longer time is waiting
FINE_SECONDS = 1e-5  # the resolution that a CPU clock needs to measure one request
TIMEOUT_SECONDS = 60.0


class FreshCost(NamedTuple):
    """The cost of one request: seconds until its answer, and seconds of server CPU time."""

    seconds: float
    cpu_seconds: float


def compare_to_seen(running: RunningServer, sent: list[Exchange], fresh: list[Exchange]) -> Metrics:
    """Return `fresh.time` and `fresh.cpu`: the minimum of fresh documents divided by that of as many seen ones.

    Both are absent with too few documents, `fresh.cpu` also with a coarse CPU clock. Raises LabError for a wrong or
    missing answer.
    """
    count = min(len(sent), len(fresh))
    if count < FEWEST:
        return {}
    pairs = zip(SystemRandom().sample(sent, count), fresh, strict=False)  # an unpredictable sample
    with closing(HTTPConnection(running.host, running.port, timeout=TIMEOUT_SECONDS)) as connection:
        costs = [_costs_of_pair(running, connection, pair) for pair in pairs]
    seen, new = zip(*costs, strict=True)
    fine_clock = running.cpu.resolution_seconds <= FINE_SECONDS
    # The minimum, because other processes can only make a request slower.
    least, least_seen = (min(_without_waiting(cost, fine_clock) for cost in each) for each in (new, seen))
    metrics: Metrics = {"fresh.time": ("1", least / least_seen)}
    seen_cpu_seconds = min(cost.cpu_seconds for cost in seen)
    if fine_clock and seen_cpu_seconds > 0:
        metrics["fresh.cpu"] = ("1", min(cost.cpu_seconds for cost in new) / seen_cpu_seconds)
    return metrics


def _without_waiting(cost: FreshCost, fine_clock: bool) -> float:
    """Return the seconds until an answer, limited to twice the server's CPU time.

    The limit excludes waiting: a proxy may wait 40 ms for a delayed acknowledgement in most requests.
    """
    return min(cost.seconds, MAX_WAIT * cost.cpu_seconds) if fine_clock and cost.cpu_seconds > 0 else cost.seconds


def _costs_of_pair(
    running: RunningServer, connection: HTTPConnection, pair: tuple[Exchange, Exchange]
) -> list[FreshCost]:
    """Send both requests of a pair in random order, as a delayed acknowledgement may affect every other request."""
    order = SystemRandom().sample((0, 1), 2)
    costs = {at: _cost(running, connection, pair[at]) for at in order}
    return [costs[0], costs[1]]


def _cost(running: RunningServer, connection: HTTPConnection, exchange: Exchange) -> FreshCost:
    before, began = running.cpu.read(), time.perf_counter()
    try:
        status, body = _answer(connection, exchange)
    except (OSError, HTTPException):
        connection.close()  # the server has closed a kept connection, which the load counts separately
        status, body = _answer(connection, exchange)
    seconds = time.perf_counter() - began
    if (status, body) != (exchange.status, exchange.expect):
        got = f"status {status}, {len(body)} bytes"
        raise LabError(f"wrong answer to {exchange.method} {exchange.path} with a fresh document: {got}", gate=RIGHT)
    time.sleep(SETTLE_SECONDS)
    return FreshCost(seconds, running.cpu.read() - before)


def _answer(connection: HTTPConnection, exchange: Exchange) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} | exchange.headers
    connection.request(exchange.method, exchange.path, exchange.body, headers)
    # Otherwise a proxy that sends an answer in two parts sometimes waits 40 ms for the acknowledgement of the first.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    response = connection.getresponse()
    return response.status, response.read()

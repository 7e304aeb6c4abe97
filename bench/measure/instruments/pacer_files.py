"""The pacer's two files, as `bench/pacer/job.h` lays them out: the job that it is given, the outcome that it leaves."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import LabError
from bench.model import Exchange

_JOB = struct.Struct("=4I2Q2q")
_EXCHANGE = struct.Struct("=2I2HI")
_OUTCOME = struct.Struct("=4Q3q")
TURN = np.dtype([("due", "i8"), ("exchange", "u4"), ("reserved", "u4")])
RECORD = np.dtype(
    [
        *((stamp, "i8") for stamp in ("due", "noticed", "sent", "done")),
        ("exchange", "u4"),
        ("verdict", "u2"),
        ("status", "u2"),
    ]
)
RIGHT, WRONG_STATUS = 1, 2
VERDICTS = {3: "other bytes", 4: "the connection broke", 5: "no connection", 6: "no answer", 7: "no HTTP answer"}
_ALIGNED = 8

Records = NDArray[np.void]
Turns = NDArray[np.void]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the pacer is to do; all times in nanoseconds since it begins.

    An open load has a due time for each of `turns`. A closed one has `users`, each of whom sends what is next in turn
    when answered, or what is `inserted` by then, until the `window` is over.
    """

    exchanges: tuple[Exchange, ...]
    turns: Turns
    connections: int
    users: int = 0
    inserted: Turns = np.empty(0, TURN)
    window: int = 0
    patience: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the pacer did: the records by request, and counts over all of them.

    `began` is in seconds of the epoch, `seconds` until the last answer, `cpu_seconds` its own CPU time meanwhile.
    `connected` counts connections, `resent` requests that were repeated as a kept connection had been closed before
    they reached the server, `most` the requests under way at a time.
    """

    records: Records
    connected: int
    resent: int
    most: int
    began: float
    seconds: float
    cpu_seconds: float


def turns(due: NDArray[np.int64] | int, exchange: NDArray[np.int64] | Sequence[int]) -> Turns:
    """Turns for exchanges by their numbers, each with its due time."""
    made = np.zeros(len(exchange), TURN)
    made["due"], made["exchange"] = due, exchange
    return made


def write_job(path: Path, job: Job, host: str, port: int) -> None:
    """Write the job for a server at that address, whose name goes into the requests."""
    head = _JOB.pack(
        len(job.exchanges), job.users, job.connections, 0, len(job.turns), len(job.inserted), job.window, job.patience
    )
    with path.open("wb") as file:
        file.write(head)
        for exchange in job.exchanges:
            request = wire(exchange, f"{host}:{port}")
            sizes = _EXCHANGE.pack(len(request), len(exchange.expect), exchange.status, exchange.method == "HEAD", 0)
            file.write(sizes + request + exchange.expect)
            file.write(bytes(-(len(request) + len(exchange.expect)) % _ALIGNED))
        file.write(job.turns.tobytes() + job.inserted.tobytes())


def wire(exchange: Exchange, authority: str) -> bytes:
    """The bytes of a request (RFC 9112); a body has its length, and is JSON unless a header says otherwise."""
    headers = {"Host": authority}
    if exchange.body is not None:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(exchange.body))}
    lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (headers | exchange.headers).items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (exchange.body or b"")


def read_outcome(path: Path) -> Told:
    """The outcome that the pacer wrote. Raises LabError where it is cut short."""
    data = path.read_bytes()
    if len(data) < _OUTCOME.size:
        raise LabError(f"{path.name}: no outcome of the pacer: {len(data)} bytes")
    count, connected, resent, most, began, took, cpu = _OUTCOME.unpack_from(data)
    if len(data) != _OUTCOME.size + count * RECORD.itemsize:
        raise LabError(f"{path.name}: cut short: {len(data)} bytes are not {count} records")
    return Told(
        records=np.frombuffer(data, RECORD, count, _OUTCOME.size),
        connected=connected,
        resent=resent,
        most=most,
        began=began / 1e9,
        seconds=took / 1e9,
        cpu_seconds=cpu / 1e9,
    )


def failures(records: Records) -> dict[str, int]:
    """How many requests were not answered right, by what was wrong."""
    found: dict[str, int] = {}
    for verdict, status in records[records["verdict"] != RIGHT][["verdict", "status"]]:
        what = f"status {status}" if verdict == WRONG_STATUS else VERDICTS[int(verdict)]
        found[what] = found.get(what, 0) + 1
    return found

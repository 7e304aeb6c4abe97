"""The pacer's two files in the layout of `bench/pacer/job.h`: its input, the job, and its output, the outcome."""

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
VERDICTS = {3: "wrong body", 4: "connection broken", 5: "connection refused", 6: "no answer", 7: "not HTTP"}
_ALIGNED = 8

Records = NDArray[np.void]
Turns = NDArray[np.void]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The pacer's job. All times are in nanoseconds since its beginning.

    Open load: each of `turns` has a due time. Closed load: each of `users` sends the next turn, or an `inserted` turn
    that is due, when it is answered, until the end of the `window`. `patience` is the timeout of a request.
    """

    exchanges: tuple[Exchange, ...]
    turns: Turns
    connections: int
    users: int = 0
    inserted: Turns = np.empty(0, TURN)
    window: int = 0
    patience: int


class PacerOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The pacer's outcome: one record per request, and totals.

    `connected`: opened connections. `resent`: requests repeated because the server had closed the kept connection.
    `most_under_way`: most concurrent requests. `began`: in seconds of the epoch. `seconds`: until the last answer.
    `cpu_seconds`: the pacer's own CPU time in that span.
    """

    records: Records
    connected: int
    resent: int
    most_under_way: int
    began: float
    seconds: float
    cpu_seconds: float


def turns(due: NDArray[np.int64] | int, exchange: NDArray[np.int64] | Sequence[int]) -> Turns:
    """Return turns for exchanges, given by index, with their due times."""
    made = np.zeros(len(exchange), TURN)
    made["due"], made["exchange"] = due, exchange
    return made


def write_job(path: Path, job: Job, host: str, port: int) -> None:
    """Write the job for the server at `host`:`port`, which is named in the requests."""
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
    """Return the bytes of a request (RFC 9112). A body has a Content-Length, and is JSON unless a header differs."""
    headers = {"Host": authority}
    if exchange.body is not None:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(exchange.body))}
    lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (headers | exchange.headers).items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (exchange.body or b"")


def read_outcome(path: Path) -> PacerOutcome:
    """Read the pacer's outcome. Raises LabError if it is truncated."""
    data = path.read_bytes()
    if len(data) < _OUTCOME.size:
        raise LabError(f"{path.name}: truncated outcome of the pacer: {len(data)} bytes")
    count, connected, resent, most_under_way, began, took, cpu = _OUTCOME.unpack_from(data)
    if len(data) != _OUTCOME.size + count * RECORD.itemsize:
        raise LabError(f"{path.name}: truncated outcome of the pacer: {len(data)} bytes for {count} records")
    return PacerOutcome(
        records=np.frombuffer(data, RECORD, count, _OUTCOME.size),
        connected=connected,
        resent=resent,
        most_under_way=most_under_way,
        began=began / 1e9,
        seconds=took / 1e9,
        cpu_seconds=cpu / 1e9,
    )


def failures(records: Records) -> dict[str, int]:
    """Count the requests without a right answer, by kind of failure."""
    found: dict[str, int] = {}
    for verdict, status in records[records["verdict"] != RIGHT][["verdict", "status"]]:
        kind = f"status {status}" if verdict == WRONG_STATUS else VERDICTS[int(verdict)]
        found[kind] = found.get(kind, 0) + 1
    return found

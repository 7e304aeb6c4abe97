"""The pacer's two files in the layout of `bench/pacer/job.h`: its input, the job, and its output, the outcome."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.documents import headers_of
from bench.errors import LabError
from bench.model import Exchange

_JOB = struct.Struct("=4I2Q2q")
_EXCHANGE = struct.Struct("=2I2HI")
_OUTCOME = struct.Struct("=5Q3q")
_KEPT = struct.Struct("=4I")
TURN = np.dtype([("due", "i8"), ("exchange", "u4"), ("reserved", "u4")])
RECORD = np.dtype(
    [
        *((stamp, "i8") for stamp in ("due", "noticed", "sent", "done")),
        ("exchange", "u4"),
        ("verdict", "u2"),
        ("status", "u2"),
        ("answer", "u4"),
        ("reserved", "u4"),
    ]
)
RIGHT, WRONG_STATUS, WRONG_BODY, KEPT = 1, 2, 3, 8
VERDICTS = {WRONG_BODY: "wrong body", 4: "connection broken", 5: "connection refused", 6: "no answer", 7: "not HTTP"}
BY_BYTES, OTHERS_KEPT, ALL_KEPT = 0, 1, 2  # how answers are judged, as in job.h
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


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer to the exchange of that number: its head, if headers count, and its body."""

    exchange: int
    head: bytes
    body: bytes


class PacerOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The pacer's outcome: one record per request, and totals.

    `connected`: opened connections. `resent`: requests repeated because the server had closed the kept connection.
    `most_under_way`: most concurrent requests. `began`: in seconds of the epoch. `seconds`: until the last answer.
    `cpu_seconds`: the pacer's own CPU time in that span. `kept`: the distinct answers that are still to be judged.
    """

    records: Records
    kept: tuple[KeptAnswer, ...] = ()
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
            is_head, who = exchange.method == "HEAD", judging(exchange)
            sizes = _EXCHANGE.pack(len(request), len(exchange.expect), exchange.status, is_head, who)
            file.write(sizes + request + exchange.expect)
            file.write(bytes(-(len(request) + len(exchange.expect)) % _ALIGNED))
        file.write(job.turns.tobytes() + job.inserted.tobytes())


def judging(exchange: Exchange) -> int:
    """Return how its answers are judged: by the pacer, byte for byte, or later, from the kept ones."""
    if exchange.same is None:
        return BY_BYTES
    return ALL_KEPT if exchange.same.headers else OTHERS_KEPT


def wire(exchange: Exchange, authority: str) -> bytes:
    """Return the bytes of a request (RFC 9112)."""
    lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers_of(exchange, authority).items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (exchange.body or b"")


def read_outcome(path: Path) -> PacerOutcome:
    """Read the pacer's outcome. Raises LabError if it is truncated."""
    data = path.read_bytes()
    if len(data) < _OUTCOME.size:
        raise LabError(f"{path.name}: truncated outcome of the pacer: {len(data)} bytes")
    count, kept, connected, resent, most_under_way, began, took, cpu = _OUTCOME.unpack_from(data)
    end = _OUTCOME.size + count * RECORD.itemsize
    try:
        answers = tuple(_kept(data, end, kept))
    except struct.error:
        answers = ()
    if len(data) < end or len(answers) != kept:
        size = f"{len(data)} bytes for {count} records and {kept} answers"
        raise LabError(f"{path.name}: truncated outcome of the pacer: {size}")
    return PacerOutcome(
        records=np.frombuffer(data, RECORD, count, _OUTCOME.size),
        kept=answers,
        connected=connected,
        resent=resent,
        most_under_way=most_under_way,
        began=began / 1e9,
        seconds=took / 1e9,
        cpu_seconds=cpu / 1e9,
    )


def _kept(data: bytes, at: int, count: int) -> Iterator[KeptAnswer]:
    """Yield the kept answers after the records. Raises struct.error if they are truncated."""
    for _ in range(count):
        exchange, head, body, _ = _KEPT.unpack_from(data, at)
        begin, at = at + _KEPT.size, at + _KEPT.size + head + body
        if at > len(data):
            raise struct.error
        yield KeptAnswer(exchange, data[begin : begin + head], data[begin + head : at])


def failures(records: Records) -> dict[str, int]:
    """Count the requests without a right answer, by kind of failure."""
    found: dict[str, int] = {}
    for verdict, status in records[records["verdict"] != RIGHT][["verdict", "status"]]:
        kind = f"status {status}" if verdict == WRONG_STATUS else VERDICTS[int(verdict)]
        found[kind] = found.get(kind, 0) + 1
    return found

"""The pacer's two files, as `bench/pacer/job.h` lays them out: the job that it is given, the outcome that it leaves."""

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
RIGHT, WRONG_STATUS, OTHER_BYTES, KEPT = 1, 2, 3, 8
VERDICTS = {
    OTHER_BYTES: "a wrong body", 4: "the connection broke", 5: "no connection", 6: "no answer", 7: "no HTTP answer"
}  # fmt: skip
BY_BYTES, OTHERS_KEPT, ALL_KEPT = 0, 1, 2  # who judges an answer, as in job.h
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


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer to the exchange of that number, as it came: its head as far as that counts, and its body."""

    exchange: int
    head: bytes
    body: bytes


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the pacer did: the records by request, and counts over all of them.

    `began` is in seconds of the epoch, `seconds` until the last answer, `cpu_seconds` its own CPU time meanwhile.
    `kept` holds the distinct answers that the pacer left to be judged. `connected` counts connections, `resent`
    requests that were repeated as a kept connection had been closed before they reached the server, `most` the requests
    under way at a time.
    """

    records: Records
    kept: tuple[KeptAnswer, ...] = ()
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
            is_head, who = exchange.method == "HEAD", judging(exchange)
            sizes = _EXCHANGE.pack(len(request), len(exchange.expect), exchange.status, is_head, who)
            file.write(sizes + request + exchange.expect)
            file.write(bytes(-(len(request) + len(exchange.expect)) % _ALIGNED))
        file.write(job.turns.tobytes() + job.inserted.tobytes())


def judging(exchange: Exchange) -> int:
    """Who judges the answers to it: the pacer where bytes decide, else whoever reads what it kept."""
    if exchange.same is None:
        return BY_BYTES
    return ALL_KEPT if exchange.same.headers else OTHERS_KEPT


def wire(exchange: Exchange, authority: str) -> bytes:
    """The bytes of a request (RFC 9112)."""
    lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers_of(exchange, authority).items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (exchange.body or b"")


def read_outcome(path: Path) -> Told:
    """The outcome that the pacer wrote. Raises LabError where it is cut short."""
    data = path.read_bytes()
    if len(data) < _OUTCOME.size:
        raise LabError(f"{path.name}: no outcome of the pacer: {len(data)} bytes")
    count, kept, connected, resent, most, began, took, cpu = _OUTCOME.unpack_from(data)
    end = _OUTCOME.size + count * RECORD.itemsize
    try:
        answers = tuple(_kept(data, end, kept))
    except struct.error:
        answers = ()
    if len(data) < end or len(answers) != kept:
        raise LabError(f"{path.name}: cut short: {len(data)} bytes are not {count} records and {kept} answers")
    return Told(
        records=np.frombuffer(data, RECORD, count, _OUTCOME.size),
        kept=answers,
        connected=connected,
        resent=resent,
        most=most,
        began=began / 1e9,
        seconds=took / 1e9,
        cpu_seconds=cpu / 1e9,
    )


def _kept(data: bytes, at: int, count: int) -> Iterator[KeptAnswer]:
    """The kept answers that follow the records. Raises struct.error where they are cut short."""
    for _ in range(count):
        exchange, head, body, _ = _KEPT.unpack_from(data, at)
        begin, at = at + _KEPT.size, at + _KEPT.size + head + body
        if at > len(data):
            raise struct.error
        yield KeptAnswer(exchange, data[begin : begin + head], data[begin + head : at])


def failures(records: Records) -> dict[str, int]:
    """How many requests were not answered right, by what was wrong."""
    found: dict[str, int] = {}
    for verdict, status in records[records["verdict"] != RIGHT][["verdict", "status"]]:
        what = f"status {status}" if verdict == WRONG_STATUS else VERDICTS[int(verdict)]
        found[what] = found.get(what, 0) + 1
    return found

"""Reads Gatling's binary `simulation.log` (3.13 and later).

The layout, from Gatling's `LogFileDataWriter`, is big-endian: one run record, then request, user, group and error
records in the order in which they ended. Each record begins with a byte for its kind.

    string    int length, that many bytes, one coder byte (0 Latin-1, 1 UTF-16); the empty string is only int 0
    cached    at its first use an index > 0 and the string, later −index
    run       string version, string class, long start, string description, int n, n strings (scenarios),
              int n, n × (int length, bytes) (assertions)
    request   int n, n cached (groups), cached name, int start, int end, bool ok, cached message
    user      int scenario, bool start, int time
    group     int n, n cached, int start, int end, int cumulated, bool ok
    error     cached message, int time

The start of the run is in milliseconds of the epoch. All other times are milliseconds since that start.
"""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import LabError

RUN, REQUEST, USER, GROUP, ERROR = range(5)
CODERS = ("latin-1", "utf-16-le")  # the JVM's two forms of a string; UTF-16 in the byte order of x86 and ARM

_INT, _LONG, _BOOL = struct.Struct(">i"), struct.Struct(">q"), struct.Struct(">?")
_REQUEST = struct.Struct(">iiii?i")  # a request without groups and new strings, as nearly all are
_COLUMNS = np.dtype(
    [("groups", ">i4"), ("name", ">i4"), ("start", ">i4"), ("end", ">i4"), ("ok", "?"), ("message", ">i4")]
)
_USER_BYTES = 9
_GROUP_TIMES_BYTES = 13


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one name as columns, in the order in which they ended.

    `start`, `end`: milliseconds since the run's start. `failures`: number of failed requests by message.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    ok: NDArray[np.bool_]
    failures: dict[str, int]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def milliseconds(self) -> NDArray[np.int64]:
        """The duration of each request."""
        return self.end - self.start


class SimulationLog(msgspec.Struct, frozen=True, kw_only=True):
    """One run of Gatling: its requests by name, and the number of errors outside of requests by message."""

    version: str
    simulation: str
    start_epoch_ms: int
    description: str
    scenarios: tuple[str, ...]
    requests: dict[str, Requests]
    errors: dict[str, int]


def read(path: Path) -> SimulationLog:
    """Read a log. Raises LabError with the offset of the record if it is truncated, damaged, or not such a log."""
    cursor = _Cursor(path.read_bytes())
    try:
        return _log(cursor)
    except (struct.error, IndexError):
        raise LabError(f"{path}: truncated in the record at byte {cursor.record}") from None
    except ValueError as error:
        raise LabError(f"{path}: {error} in the record at byte {cursor.record}") from None


class _Cursor:
    """Reads one value after another. `record` is the offset of the current record."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.record = 0
        self.strings: dict[int, str] = {}

    def kind(self) -> int:
        self.record = self.at
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise IndexError
        return self.data[start : self.at]

    def number(self, form: struct.Struct) -> int:
        value: int = form.unpack(self.take(form.size))[0]
        return value

    def count(self) -> int:
        count = self.number(_INT)
        if count < 0:
            raise ValueError(f"negative count {count}")
        return count

    def string(self) -> str:
        size = self.count()
        if size == 0:
            return ""
        text, coder = self.take(size), self.take(1)[0]
        if coder >= len(CODERS):
            raise ValueError(f"unknown string coder {coder}")
        return text.decode(CODERS[coder])

    def cached(self) -> int:
        """Read a cached string. Returns its index in `strings`."""
        index = self.number(_INT)
        if index > 0:
            self.strings[index] = self.string()
        elif -index not in self.strings:
            raise ValueError(f"undefined string {-index}")
        return abs(index)


def _log(cursor: _Cursor) -> SimulationLog:
    if cursor.kind() != RUN:
        raise ValueError("not a binary log of Gatling 3.13 or later")
    version, simulation = cursor.string(), cursor.string()
    start_epoch_ms = cursor.number(_LONG)
    description = cursor.string()
    scenarios = tuple(cursor.string() for _ in range(cursor.count()))
    for _ in range(cursor.count()):  # assertions
        cursor.take(cursor.count())
    requests, errors = _events(cursor)
    return SimulationLog(
        version=version,
        simulation=simulation,
        start_epoch_ms=start_epoch_ms,
        description=description,
        scenarios=scenarios,
        requests=_by_name(requests, cursor.strings),
        errors=errors,
    )


def _events(cursor: _Cursor) -> tuple[NDArray[np.void], dict[str, int]]:
    """Return the request records as a table of `_COLUMNS`, and the errors. Users and groups are skipped."""
    requests = bytearray()
    errors: Counter[str] = Counter()
    while cursor.at < len(cursor.data):
        kind = cursor.kind()
        if kind == REQUEST:
            requests += _request(cursor)
        elif kind == USER:
            cursor.take(_USER_BYTES)
        elif kind == GROUP:
            _groups(cursor)
            cursor.take(_GROUP_TIMES_BYTES)
        elif kind == ERROR:
            errors[cursor.strings[cursor.cached()]] += 1
            cursor.take(_INT.size)
        else:
            raise ValueError(f"unknown kind {kind}")
    return np.frombuffer(requests, _COLUMNS), dict(errors)


def _request(cursor: _Cursor) -> bytes:
    """Return a request's bytes in the form of `_REQUEST`, rewritten if necessary, for one bulk read of all requests."""
    groups, name, start, end, ok, message = _REQUEST.unpack_from(cursor.data, cursor.at)
    if groups == 0 and start <= end and -name in cursor.strings and -message in cursor.strings:
        return cursor.take(_REQUEST.size)
    _groups(cursor)
    name, start, end = cursor.cached(), cursor.number(_INT), cursor.number(_INT)
    if start > end:
        raise ValueError("request that ends before it starts")
    ok, message = cursor.number(_BOOL), cursor.cached()
    return _REQUEST.pack(0, -name, start, end, ok, -message)


def _groups(cursor: _Cursor) -> None:
    for _ in range(cursor.count()):
        cursor.cached()


def _by_name(table: NDArray[np.void], strings: dict[int, str]) -> dict[str, Requests]:
    found = {}
    for name in np.unique(table["name"]):
        rows = table[table["name"] == name]
        failed, counts = np.unique(rows["message"][~rows["ok"]], return_counts=True)
        found[strings[-int(name)]] = Requests(
            start=rows["start"].astype(np.int64),
            end=rows["end"].astype(np.int64),
            ok=rows["ok"],
            failures={strings[-int(index)]: int(count) for index, count in zip(failed, counts, strict=True)},
        )
    return found

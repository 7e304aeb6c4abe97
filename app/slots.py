"""Counters that the workers of a service share: one file, in which each worker has a slot of its own.

A worker counts in its slot without asking another one. It takes the lowest slot that is free, and locks it: the kernel
frees it when the process ends, however it ends. The slot keeps its counts, and the next worker goes on from them. So no
count is lost, and there are never more slots than there were workers at once.
"""

import fcntl
import mmap
import os
import struct
from itertools import count
from pathlib import Path
from typing import Final

CELL: Final = "q"  # 64 bits with a sign: stored at once, so that another process never reads a half of it
CELL_BYTES = struct.calcsize(CELL)
_LOCK = struct.Struct("@hhqqi4x")  # `struct flock` of 64-bit Linux: type, whence, start, length, process


class Slots:
    """The slots in a file, each of a number of cells.

    The lock is POSIX's: a child that a worker forks does not hold it. The process would lose it if it closed any
    descriptor of the file, so none is ever closed.
    """

    def __init__(self, path: Path, cells: int) -> None:
        self.size = -(-cells * CELL_BYTES // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.own: int | None = None

    def take(self) -> memoryview:
        """The cells of a slot, which is this process's until it ends. Call it after the last fork of the server."""
        self.own = next(place for place in count() if self._is_locked_now(place))
        begin = self.own * self.size
        os.posix_fallocate(self.file, begin, self.size)  # now: a disk that is full later would kill the process
        return memoryview(mmap.mmap(self.file, self.size, offset=begin)).cast(CELL)

    def read(self) -> list[tuple[memoryview, bool]]:
        """The cells of each slot, and whether its worker lives."""
        taken = os.pread(self.file, os.fstat(self.file).st_size, 0)
        begins = range(0, len(taken) - self.size + 1, self.size)
        return [(memoryview(taken)[begin : begin + self.size].cast(CELL), self._is_live(begin)) for begin in begins]

    def _is_locked_now(self, place: int) -> bool:
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, self.size, place * self.size)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            return False
        return True

    def _is_live(self, begin: int) -> bool:
        if self.own is not None and begin == self.own * self.size:
            return True  # the kernel tells only of others
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, begin, self.size, 0)
        found: int = _LOCK.unpack(fcntl.fcntl(self.file, fcntl.F_GETLK, asked))[0]
        return found != fcntl.F_UNLCK

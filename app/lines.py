"""Lines on stdout that never make a worker wait: if the reader is slow and the pipe full, a line is lost, and counted.

O_NONBLOCK belongs to the open file, which other processes share: their writes would fail. So a pipe or a terminal is
opened once more, by its name in /proc. A socket, such as journald's, can be asked not to wait for one write alone. A
file never makes its writer wait for a reader.

A line has at most `MOST_BYTES`: the kernel writes so many at once or not at all, so that no line is broken by another
one's.
"""

import os
import select
import socket
import stat
from collections.abc import Callable
from functools import cache, partial
from threading import Lock

STDOUT = 1
MOST_BYTES = select.PIPE_BUF

Write = Callable[[bytes], object]


def writer(descriptor: int) -> Write:
    """The function that writes to an open file and does not wait. Raises OSError if this process may not open it."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        connection = socket.socket(fileno=os.dup(descriptor))
        return lambda line: connection.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return partial(os.write, descriptor)


class Lines:
    """Writes objects of JSON, each of which tells how many were lost since the last one that got through."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.lock = Lock()
        self.lost = 0
        self.told = 0

    def put(self, line: bytes) -> None:
        """Write an object on a line of its own."""
        missing = self._untold() if self.lost != self.told else 0
        if missing:
            line = b'%b,"statements.lines_lost":%d}\n' % (line[:-2], missing)
        try:
            self.write(line)
        except OSError:  # the pipe is full, or nobody reads any more
            with self.lock:
                self.lost += 1
                self.told -= missing

    def _untold(self) -> int:
        """How many lost lines no line has told yet; the caller's line does."""
        with self.lock:
            missing, self.told = self.lost - self.told, self.lost
            return missing


@cache
def on_stdout() -> Lines:
    """The lines of this process. Raises OSError if it may not open its stdout."""
    return Lines(writer(STDOUT))

"""A deadline for several steps, in seconds of `time.monotonic`: what is left of it, and a connection within it."""

import socket
import time
from contextlib import suppress

NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # no SIGPIPE: it crashes uWSGI's asyncio engine


def within(seconds: float) -> float:
    """The deadline that is so many seconds away."""
    return time.monotonic() + seconds


def left(deadline: float) -> float:
    """The seconds until a deadline. Raises TimeoutError if it is over."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no answer in time")
    return seconds


def connected(host: str, port: int, deadline: float) -> socket.socket:
    """A TCP connection to the first address of a host that takes one. Raises OSError.

    Each address gets an equal part of the time that is left. Only resolving the name is not bounded: the system's
    resolver takes no limit.
    """
    *others, last = [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for place, other in enumerate(others):
        with suppress(OSError):
            return socket.create_connection((other, port), left(deadline) / (len(others) + 1 - place))
    return socket.create_connection((last, port), left(deadline))

"""Servers of tests that accept connections in a thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Server(Protocol):
    """Serves connections to its listener until that is shut down."""

    listener: socket.socket

    def serve(self) -> None: ...


Served = TypeVar("Served", bound=Server)


@contextmanager
def serving(server: Served) -> Iterator[Served]:
    """Serve in a thread during the block."""
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(5)

"""A network between clients and a broker: it is cut once, or it stalls for a while. One that dies, too."""

import ctypes
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

HOST = "127.0.0.1"
PUBLISHED, ACKNOWLEDGED = b"PUB statements.", b'"seq":'  # the first also ends HPUB
Cut = Literal["before", "after"]
SO_ATTACH_FILTER = 26  # of Linux; Python has no name for it
DROP_ALL = struct.pack("HBBI", 6, 0, 0, 0)  # one instruction of a packet filter: return, and keep 0 bytes


class Network:
    """Forwards connections from `port` to a broker."""

    def __init__(self, broker: int) -> None:
        self.broker = broker
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def passes(self, part: bytes, is_answer: bool) -> bool:
        """Whether a part is forwarded. If not, its connection ends. It may wait."""
        return True

    def serve(self) -> None:
        """Forward connections, each in threads of its own."""
        threads = []
        with suppress(OSError):  # the listener is closed
            while True:
                threads.append(threading.Thread(target=self.connect, args=[self.listener.accept()[0]]))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def connect(self, client: socket.socket) -> None:
        with client, suppress(ConnectionError), socket.create_connection((HOST, self.broker)) as broker:
            for end in (client, broker):  # a network holds no small parts back, as the kernel would
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self.forward, args=[broker, client, True])
            back.start()
            self.forward(client, broker, is_answer=False)
            back.join()

    def forward(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        """Forward what comes from a socket until the connection ends."""
        with suppress(OSError):
            while (part := source.recv(65_536)) and self.passes(part, is_answer):
                target.sendall(part)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Cutting(Network):
    """Cut once: before the first message to `statements.` arrives, or before the answer of its stream does."""

    def __init__(self, broker: int, cut: Cut) -> None:
        super().__init__(broker)
        self.cut = cut
        self.is_cut = False

    def passes(self, part: bytes, is_answer: bool) -> bool:
        sign = ACKNOWLEDGED if self.cut == "after" else PUBLISHED
        is_now = not self.is_cut and is_answer == (self.cut == "after") and sign in part
        self.is_cut |= is_now
        return not is_now


class Stalling(Network):
    """Forwards nothing while it stalls, and then everything. No connection ends."""

    def __init__(self, broker: int) -> None:
        super().__init__(broker)
        self.flows = threading.Event()
        self.flows.set()

    def passes(self, part: bytes, is_answer: bool) -> bool:
        return self.flows.wait()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Stall during the block."""
        self.flows.clear()
        try:
            yield
        finally:
            self.flows.set()


def deafen(connection: socket.socket) -> None:
    """Drop all that arrives at a connection before TCP acknowledges it, as if the network had died."""
    instructions = ctypes.create_string_buffer(DROP_ALL)
    program = struct.pack("@HP", 1, ctypes.addressof(instructions))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

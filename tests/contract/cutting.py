"""A network between a client and a broker that is cut once: before a message arrives, or before its acknowledgement."""

import socket
import threading
from contextlib import AbstractContextManager, suppress
from typing import Literal

from tests.listeners import serving

PUBLISHED, ACKNOWLEDGED = b"PUB statements.", b'"seq":'  # the first also ends HPUB
Cut = Literal["before", "after"]


class Network:
    """Forwards connections from `port` to a broker. The first message to `statements.` or its answer is cut off."""

    def __init__(self, broker: int, cut: Cut) -> None:
        self.broker = broker
        self.cut = cut
        self.is_cut = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Forward connections, one after the other."""
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self.listener.accept()
                with client, socket.create_connection(("127.0.0.1", self.broker)) as broker:
                    back = threading.Thread(target=self.forward, args=[broker, client, "after", ACKNOWLEDGED])
                    back.start()
                    self.forward(client, broker, "before", PUBLISHED)
                    back.join()

    def forward(self, source: socket.socket, target: socket.socket, cut: Cut, sign: bytes) -> None:
        """Forward what comes from a socket until the connection ends or is cut."""
        with suppress(OSError):
            while part := source.recv(65_536):
                if self.cut == cut and not self.is_cut and sign in part:
                    self.is_cut = True
                    break
                target.sendall(part)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def cutting(broker: int, cut: Cut) -> AbstractContextManager[Network]:
    """A network that is cut once."""
    return serving(Network(broker, cut))

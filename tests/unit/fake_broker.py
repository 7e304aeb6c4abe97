"""A broker that plays a script: for each connection what it sends after each message that it gets."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress

from tests.listeners import serving

GREETING = b'INFO {"max_payload":1000}\r\n'


class FakeBroker:
    """Listens on loopback. `got` has the messages of all connections: command, headers and payload of each.

    A script's part may have `{reply}`, or the `{inbox}` that begins the replies of its client. After its last part, and
    for None, the connection is closed.
    """

    def __init__(self, *connections: Iterable[bytes | None], greeting: bytes = GREETING) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections = connections
        self.greeting = greeting
        self.got: list[bytes] = []
        self.others: list[bytes] = []
        self.logins: list[bytes] = []

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        for script in self.connections:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines, suppress(ConnectionResetError):
                connection.sendall(self.greeting)
                self.play(connection, lines, script)

    def play(self, connection: socket.socket, lines: Iterator[bytes], script: Iterable[bytes | None]) -> None:
        parts = iter(script)
        for line in lines:
            verb, *words = line.split()
            if verb == b"CONNECT":
                self.logins.append(line)
            elif verb == b"PING":
                connection.sendall(b"PONG\r\n")
            elif verb in {b"PUB", b"HPUB"}:
                self.got.append(line + lines.read(int(words[-1]) + 2))  # type: ignore[attr-defined]
                part = next(parts, None)
                if part is None:
                    return
                reply = words[1] if len(words) == (3 if verb == b"PUB" else 4) else b""
                inbox = reply.rpartition(b".")[0]
                connection.sendall(part.replace(b"{reply}", reply).replace(b"{inbox}", inbox))
            elif verb != b"SUB":
                self.others.append(line)


def playing(*connections: Iterable[bytes | None], greeting: bytes = GREETING) -> AbstractContextManager[FakeBroker]:
    """A broker that plays the script of each connection in turn."""
    return serving(FakeBroker(*connections, greeting=greeting))


def message(payload: bytes) -> bytes:
    """The answer to a request."""
    return b"MSG {reply} 1 %d\r\n%s\r\n" % (len(payload), payload)

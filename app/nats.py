"""A blocking client of NATS: publishes, subscribes, and asks over one connection, each within a time limit.

It uses the standard library alone. In a greenlet, patched sockets let others run. On an asyncio loop, call it in a
thread: a broker that stalls would block the loop. It connects at the first request, so after the server has forked.

Protocol: https://docs.nats.io/reference/protocols/client
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from app.deadline import NO_SIGNAL, connected, left, within

LIMIT_SECONDS = 2.0  # of an operation: its requests, connecting, and sending again
PAUSE_SECONDS = 0.05  # between two attempts
AWAY_SECONDS = 1.0  # so long after a failed request, others fail at once
FAIR = 0.5  # a request that had to wait for its turn, and has less of its time left, does not tell of a failure
PORT = 4222
ANSWERS = "1"  # the subscription to the answers of requests
Headers = Mapping[str, str]


class NoBroker(Exception):  # noqa: N818 - not an error of the program
    """The broker has not done what it was asked to do, or not within the limit."""


class TooLarge(ValueError):  # noqa: N818 - not an error of the program
    """A message has more bytes than the broker takes; `limit` is how many it takes, headers included."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the broker takes messages of at most {limit} bytes")
        self.limit = limit


class Message(NamedTuple):
    """A message that the broker has delivered. `status` is that of a message by the broker, such as `503`."""

    subject: str
    subscription: str
    reply: str
    status: str
    headers: dict[str, str]
    payload: bytes


class Control(NamedTuple):
    """A line of the protocol that is no message: its verb, such as PING, and the rest."""

    verb: str
    rest: bytes


def taken(buffer: bytearray) -> Message | Control | None:
    """Take the first message or line out of what was received; None if it is not complete yet."""
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    verb, _, rest = bytes(buffer[:end]).partition(b" ")
    if verb not in {b"MSG", b"HMSG"}:
        del buffer[: end + 2]
        return Control(verb.decode("latin-1"), rest)
    subject, subscription, *further = rest.decode().split()
    *reply, total = further if verb == b"MSG" else [*further[:-2], further[-1]]
    start, stop = end + 2, end + 2 + int(total)
    if len(buffer) < stop + 2:
        return None
    head = start + int(further[-2]) if verb == b"HMSG" else start
    status, headers = headers_of(bytes(buffer[start:head])) if verb == b"HMSG" else ("", {})
    payload = bytes(buffer[head:stop])
    del buffer[: stop + 2]
    return Message(subject, subscription, "".join(reply), status, headers, payload)


def headers_of(block: bytes) -> tuple[str, dict[str, str]]:
    """The status and the headers of a block such as `NATS/1.0 503` or `NATS/1.0` and lines of `Name: value`."""
    first, *lines = block.decode().rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return first.removeprefix("NATS/1.0").strip(), {name: value.strip() for name, _, value in pairs}


def published(subject: str, payload: bytes, reply: str = "", headers: Headers | None = None) -> bytes:
    """The bytes that publish a message."""
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return f"PUB {to} {len(payload)}\r\n".encode() + payload + b"\r\n"
    block = "".join(["NATS/1.0\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n"]).encode()
    return f"HPUB {to} {len(block)} {len(block) + len(payload)}\r\n".encode() + block + payload + b"\r\n"


class Address(NamedTuple):
    """Where a broker listens, and what it knows the client by."""

    host: str
    port: int
    login: dict[str, str]

    @classmethod
    def of(cls, url: str) -> "Address":
        """The address in a URL such as nats://USER:PASSWORD@HOST:PORT.

        Raises ValueError for any other; the error shows no part of it.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, PORT if parts.port is None else parts.port
        except ValueError:  # it has a part of the URL, which may be the password
            host = None
        if not host or not port or parts.scheme != "nats" or parts.path or parts.query:
            raise ValueError("it is no URL like nats://HOST:PORT")
        named = {"user": parts.username, "pass": parts.password}
        return cls(host, port, {key: unquote(value) for key, value in named.items() if value})


class Connection:
    """A connection to a broker, for one thread at a time. Every deadline is one of `time.monotonic`.

    All methods raise OSError: TimeoutError after the deadline, ConnectionError if the broker ends it. After an OSError
    of `send` or `request` it must be closed, because a part of a message may have been sent.
    """

    def __init__(self, address: Address, deadline: float) -> None:
        self.process = os.getpid()
        self.inbox = f"_INBOX.{os.urandom(12).hex()}"
        self.asked = 0
        self.buffer = bytearray()
        self.is_sending = False  # True after an error: a part of the data may have been sent
        self.socket = connected(address.host, address.port, deadline)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            info = json.loads(self._control("INFO", deadline))
            if info.get("tls_required"):  # before the password is sent
                raise ConnectionAbortedError("the broker requires TLS")
            self.max_payload: int = info["max_payload"]
            options: dict[str, Any] = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
            hello = json.dumps({**options, **address.login, "lang": "python", "version": "1", "protocol": 1})
            self.send(f"CONNECT {hello}\r\nSUB {self.inbox}.* {ANSWERS}\r\n".encode(), deadline)
            self.flush(deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes, deadline: float) -> None:
        self.socket.settimeout(left(deadline))
        self.is_sending = True
        self.socket.sendall(data, NO_SIGNAL)
        self.is_sending = False

    def subscribe(self, subject: str, subscription: str, deadline: float) -> None:
        self.send(f"SUB {subject} {subscription}\r\n".encode(), deadline)

    def flush(self, deadline: float) -> None:
        """Return once the broker has had everything that was sent; messages are dropped meanwhile."""
        self.send(b"PING\r\n", deadline)
        self._control("PONG", deadline)

    def receive(self, deadline: float) -> Message:
        """The next message of a subscription. After a TimeoutError it can be called again."""
        while (message := self._message(deadline)).subscription == ANSWERS:  # late, to an earlier request
            pass
        return message

    def request(self, subject: str, payload: bytes, deadline: float, headers: Headers | None = None) -> Message:
        """The answer to a message; messages of other subscriptions are dropped until it arrives.

        Raises TooLarge before anything is sent.
        """
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        data = published(subject, payload, reply, headers)
        if len(data) - data.index(b"\r\n") - 4 > self.max_payload:
            raise TooLarge(self.max_payload)
        self.send(data, deadline)
        while (message := self._message(deadline)).subject != reply:
            pass
        return message

    def _message(self, deadline: float) -> Message:
        while not isinstance(found := self._next(deadline), Message):
            pass
        return found

    def _control(self, verb: str, deadline: float) -> bytes:
        """The rest of the next line with that verb."""
        while True:
            found = self._next(deadline)
            if isinstance(found, Control) and found.verb == verb:
                return found.rest

    def _next(self, deadline: float) -> Message | Control:
        while (found := taken(self.buffer)) is None:
            self.socket.settimeout(left(deadline))
            part = self.socket.recv(262_144)
            if not part:
                raise ConnectionResetError("the broker has closed the connection")
            self.buffer += part
        if isinstance(found, Control):
            if found.verb == "PING":
                self.send(b"PONG\r\n", deadline)
            elif found.verb == "-ERR":
                raise ConnectionAbortedError(found.rest.decode("latin-1").strip("'"))
        return found


class Client:
    """Asks a broker over one connection, which all threads share in turn and which is made anew after it breaks."""

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.address = Address.of(url)
        self.limit_seconds = limit_seconds
        self.lock = Lock()
        self.connection: Connection | None = None
        self.away_until = 0.0
        self.why_away = ""

    def request(
        self, subject: str, payload: bytes = b"", headers: Headers | None = None, deadline: float | None = None
    ) -> Message:
        """The answer to a message, which is sent again after a connection breaks: the broker may get it twice.

        `deadline` is that of an operation with several requests; without it, this one has `limit_seconds`. Raises
        NoBroker, or TooLarge.
        """
        deadline = within(self.limit_seconds) if deadline is None else deadline
        self._refuse_while_away()
        if not self.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise NoBroker("requests wait too long for their turn to ask the broker")
        try:
            self._refuse_while_away()
            is_fair = deadline - time.monotonic() > self.limit_seconds * FAIR
            while (answer := self._asked(subject, payload, headers, deadline, is_fair)) is None:
                time.sleep(PAUSE_SECONDS)
            return answer
        finally:
            self.lock.release()

    def _refuse_while_away(self) -> None:
        if time.monotonic() < self.away_until:
            raise NoBroker(self.why_away)

    def _asked(
        self, subject: str, payload: bytes, headers: Headers | None, deadline: float, is_fair: bool
    ) -> Message | None:
        """The answer; None if the connection has broken and there is time for another attempt.

        A timeout does not tell that the broker is away unless `is_fair`: the request has had most of its time.
        """
        try:
            return self._connected(deadline).request(subject, payload, deadline, headers)
        except TooLarge:
            raise
        except OSError as error:
            why = f"the broker does not answer ({type(error).__name__}: {error})"
            is_late = time.monotonic() + PAUSE_SECONDS >= deadline
            if is_late and not is_fair and isinstance(error, TimeoutError) and not self._is_sending():
                raise NoBroker(why) from error  # a late answer is dropped: its subject is that of this request
            self.close()
            if not is_late:
                return None
            self.why_away, self.away_until = why, within(AWAY_SECONDS)
            raise NoBroker(why) from error
        except BaseException:  # such as a greenlet's timeout: a part of the message may have been sent
            self.close()
            raise

    def _is_sending(self) -> bool:
        return self.connection is not None and self.connection.is_sending

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _connected(self, deadline: float) -> Connection:
        if self.connection is None or self.connection.process != os.getpid():  # a forked worker needs its own
            self.connection = Connection(self.address, deadline)
        return self.connection

"""The protocol of NATS, without a connection: what a client sends, and what it makes of the bytes that arrive.

`app.nats_blocking` and `app.nats_asyncio` have the clients. What needs several requests is a `Dialogue`, which either
of them runs.

Protocol: https://docs.nats.io/reference/protocols/client
"""

import json
import time
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from app.deadline import within

LIMIT_SECONDS = 2.0  # of a dialogue: its requests, connecting, and sending again
PAUSE_SECONDS = 0.05  # between two attempts
AWAY_SECONDS = 1.0  # so long after a failed request, others fail at once
FAIR = 0.5  # a request that has less of the limit left when it begins does not tell of a failure
PORT = 4222
ANSWERS = "1"  # the subscription to the answers of requests
Headers = Mapping[str, str]
Returned = TypeVar("Returned")


class NoBroker(Exception):  # noqa: N818 - not an error of the program
    """The broker has not done what it was asked to do, or not within the limit."""


class TooLarge(ValueError):  # noqa: N818 - not an error of the program
    """A message has more bytes than the broker takes; `limit` is how many it takes, headers included."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the broker takes messages of at most {limit} bytes")
        self.limit = limit


class Request(NamedTuple):
    """A message that is answered."""

    subject: str
    payload: bytes = b""
    headers: Headers | None = None


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


# It asks by yielding requests, and gets their answers, or the NoBroker or TooLarge of one. A client runs it, within one
# deadline.
Dialogue = Generator[Request, Message, Returned]


def taken(buffer: bytearray) -> Message | Control | None:
    """Take the first message or line out of what was received; None if it is not complete yet.

    Raises ConnectionAbortedError for other bytes than those of the protocol.
    """
    try:
        return _taken(buffer)
    except (ValueError, IndexError) as error:
        raise ConnectionAbortedError("what arrives is no NATS") from error


def _taken(buffer: bytearray) -> Message | Control | None:
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    verb, _, rest = bytes(buffer[:end]).partition(b" ")
    if verb not in {b"MSG", b"HMSG"}:
        del buffer[: end + 2]
        return Control(verb.decode("latin-1"), rest)
    subject, subscription, *further = rest.decode().split()
    *reply, total = further if verb == b"MSG" else [*further[:-2], further[-1]]
    start, stop = end + 2, end + 2 + _size(total)
    if len(buffer) < stop + 2:
        return None
    head = start + _size(further[-2]) if verb == b"HMSG" else start
    status, headers = headers_of(bytes(buffer[start:head])) if verb == b"HMSG" else ("", {})
    payload = bytes(buffer[head:stop])
    del buffer[: stop + 2]
    return Message(subject, subscription, "".join(reply), status, headers, payload)


def _size(digits: str) -> int:
    if not digits.isdecimal():
        raise ValueError
    return int(digits)


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
        if not host or not port or parts.scheme != "nats" or parts.path or parts.query or "#" in url:
            raise ValueError("it is no URL like nats://HOST:PORT")
        named = {"user": parts.username, "pass": parts.password}
        return cls(host, port, {key: unquote(value) for key, value in named.items() if value})


def login(info: bytes, address: Address, inbox: str) -> tuple[int, bytes]:
    """How many bytes of a message the broker takes, and what is sent after its INFO: the login, and a PING.

    After the PONG, the client gets what is sent to `inbox`. Raises ConnectionAbortedError if the broker requires TLS:
    before the password is sent.
    """
    try:
        told = json.loads(info)
        limit_bytes, requires_tls = int(told["max_payload"]), told.get("tls_required")
    except (ValueError, TypeError, KeyError) as error:
        raise ConnectionAbortedError("what arrives is no NATS") from error
    if requires_tls:
        raise ConnectionAbortedError("the broker requires TLS")
    options: dict[str, Any] = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
    hello = json.dumps({**options, **address.login, "lang": "python", "version": "1", "protocol": 1})
    return limit_bytes, f"CONNECT {hello}\r\nSUB {inbox}.* {ANSWERS}\r\nPING\r\n".encode()


def refusal(line: Control) -> ConnectionAbortedError:
    """The error of a line `-ERR`, after which the broker may close the connection."""
    return ConnectionAbortedError(line.rest.decode("latin-1").strip("'"))


def asked(request: Request, reply: str, limit_bytes: int) -> bytes:
    """The bytes of a request. Raises TooLarge."""
    data = published(request.subject, request.payload, reply, request.headers)
    if len(data) - data.index(b"\r\n") - 4 > limit_bytes:
        raise TooLarge(limit_bytes)
    return data


class Presence:
    """Whether the broker answers: after it has not, requests fail at once for a while."""

    def __init__(self) -> None:
        self.away_until = 0.0
        self.why = ""

    def check(self) -> None:
        """Raises NoBroker while the broker is away."""
        if time.monotonic() < self.away_until:
            raise NoBroker(self.why)

    def failed(self, why: str) -> None:
        """Note that the broker has not answered a request."""
        self.why, self.away_until = why, within(AWAY_SECONDS)

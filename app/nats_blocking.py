"""A blocking client of NATS: publishes, subscribes, and asks over one connection, each within a time limit.

In a greenlet, patched sockets let others run. `app.nats_asyncio` is for an asyncio loop, which this one would block. It
connects at the first request, so after the server has forked.
"""

import os
import socket
import time
from threading import Lock

from app.deadline import NO_SIGNAL, connected, left, within
from app.nats import (
    ANSWERS,
    FAIR,
    LIMIT_SECONDS,
    PAUSE_SECONDS,
    Address,
    Control,
    Dialogue,
    Message,
    NoBroker,
    Presence,
    Request,
    Returned,
    TooLarge,
    asked,
    login,
    refusal,
    taken,
)


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
            self.limit_bytes, hello = login(self._control("INFO", deadline), address, self.inbox)
            self.send(hello, deadline)
            self._control("PONG", deadline)
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

    def request(self, request: Request, deadline: float) -> Message:
        """The answer to a request; messages of other subscriptions are dropped until it arrives.

        Raises TooLarge before anything is sent.
        """
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        self.send(asked(request, reply, self.limit_bytes), deadline)
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
                raise refusal(found)
        return found


class Client:
    """Asks a broker over one connection, which all threads share in turn and which is made anew after it breaks."""

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.address = Address.of(url)
        self.limit_seconds = limit_seconds
        self.lock = Lock()
        self.connection: Connection | None = None
        self.presence = Presence()

    def run(self, dialogue: Dialogue[Returned]) -> Returned:
        """What a dialogue returns. Raises what it raises."""
        deadline = within(self.limit_seconds)
        try:
            request = next(dialogue)
            while True:
                try:
                    answer = self.request(request, deadline)
                except (NoBroker, TooLarge) as error:  # noqa: PERF203 - the dialogue may go on
                    request = dialogue.throw(error)
                else:
                    request = dialogue.send(answer)
        except StopIteration as end:
            returned: Returned = end.value
            return returned

    def request(self, request: Request, deadline: float) -> Message:
        """The answer to a request, which is sent again after a connection breaks: the broker may get it twice.

        Raises NoBroker, or TooLarge.
        """
        self.presence.check()
        if not self.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise NoBroker("requests wait too long for their turn to ask the broker")
        try:
            self.presence.check()
            while (answer := self._asked(request, deadline)) is None:
                time.sleep(PAUSE_SECONDS)
            return answer
        finally:
            self.lock.release()

    def _asked(self, request: Request, deadline: float) -> Message | None:
        """The answer; None if the connection has broken and there is time for another attempt.

        A timeout does not tell that the broker is away unless the attempt has had most of the time.
        """
        is_fair = deadline - time.monotonic() > self.limit_seconds * FAIR
        try:
            return self._connected(deadline).request(request, deadline)
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
            self.presence.failed(why)
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

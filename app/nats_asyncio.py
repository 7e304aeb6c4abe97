"""A client of NATS on an asyncio loop: all requests share one connection, and none waits for the answer to another.

What requests send in one turn of the loop goes out in one call of the system, which is most of what a request costs. It
connects at the first request, so after the server has forked.
"""

import asyncio
import os
import time
from typing import cast

from app.deadline import connected, left, within
from app.nats import (
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

UNSENT_BYTES = 64 * 2**20  # 64 documents of the size that a broker takes by default


class Connection(asyncio.Protocol):
    """A connection to a broker, on the loop that runs. Every deadline is one of `time.monotonic`."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.loop = asyncio.get_running_loop()
        self.inbox = f"_INBOX.{os.urandom(12).hex()}"
        self.asked = 0
        self.limit_bytes = 0
        self.buffer = bytearray()
        self.unsent: list[bytes] = []
        self.waiting: dict[str, asyncio.Future[Message]] = {}  # by the subject of the answer
        self.settled: asyncio.Future[None] = self.loop.create_future()  # it is logged in, or has ended
        self.error: OSError | None = None  # that has ended it
        self.transport: asyncio.Transport | None = None
        self.opening = self.loop.create_task(self._open())

    async def request(self, request: Request, deadline: float) -> Message:
        """The answer to a request. Raises OSError: TimeoutError after the deadline, ConnectionError if it breaks.

        Raises TooLarge before anything is sent.
        """
        await self._settled(deadline)
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        data, seconds = asked(request, reply, self.limit_bytes), left(deadline)
        self._send(data)
        answer: asyncio.Future[Message] = self.loop.create_future()
        self.waiting[reply] = answer
        timer = self.loop.call_later(seconds, _expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()
            self.waiting.pop(reply, None)

    def end(self, error: OSError) -> None:
        """Close the connection. Requests under way raise the error."""
        if self.error is None:
            self.error = error
            self._settle()
            for answer in self.waiting.values():
                if not answer.done():
                    answer.set_exception(_again(error))
        if self.transport is not None:
            self.transport.abort()

    async def _open(self) -> None:
        try:
            socket = await asyncio.to_thread(connected, *self.address[:2], within(LIMIT_SECONDS))
            if self.error is not None:  # ended meanwhile
                socket.close()
                return
            socket.setblocking(False)
            await self.loop.create_connection(lambda: self, sock=socket)
        except OSError as error:
            self.end(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(UNSENT_BYTES)
        if self.error is not None:  # ended meanwhile
            self.transport.abort()

    def pause_writing(self) -> None:
        """The broker does not read: what waits for it would take ever more memory."""
        self.end(ConnectionAbortedError("the broker takes nothing"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        try:
            while (found := taken(self.buffer)) is not None:
                self._take(found)
        except OSError as error:
            self.end(error)

    def _take(self, found: Message | Control) -> None:
        if isinstance(found, Message):
            answer = self.waiting.get(found.subject)  # none: it is late
            if answer is not None and not answer.done():
                answer.set_result(found)
        elif found.verb == "INFO" and not self.limit_bytes:
            self.limit_bytes, hello = login(found.rest, self.address, self.inbox)
            self._send(hello)
        elif found.verb == "PONG":
            self._settle()
        elif found.verb == "PING":
            self._send(b"PONG\r\n")
        elif found.verb == "-ERR":
            raise refusal(found)

    def connection_lost(self, error: Exception | None) -> None:
        self.end(ConnectionResetError("the broker has closed the connection" if error is None else str(error)))

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    async def _settled(self, deadline: float) -> None:
        if not self.settled.done():
            await asyncio.wait([self.settled], timeout=left(deadline))
            if not self.settled.done():  # the deadline may be a little ahead: uvloop's timers are early
                raise TimeoutError("no answer in time")
        if self.error is not None:
            raise _again(self.error)

    def _send(self, data: bytes) -> None:
        """Send at the end of this turn of the loop, with what others send in it."""
        if not self.unsent:
            self.loop.call_soon(self._send_all)
        self.unsent.append(data)

    def _send_all(self) -> None:
        data = b"".join(self.unsent)
        self.unsent.clear()
        if self.transport is not None and self.error is None:
            self.transport.write(data)


def _again(error: OSError) -> OSError:
    """The same error for one more request: each gets its own, as an exception keeps the frames that it came through."""
    return type(error)(str(error))


def _expire(answer: "asyncio.Future[Message]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError("no answer in time"))


class Client:
    """Asks a broker over one connection, which is made anew after it breaks, and for another loop."""

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.address = Address.of(url)
        self.limit_seconds = limit_seconds
        self.connection: Connection | None = None
        self.presence = Presence()

    async def run(self, dialogue: Dialogue[Returned]) -> Returned:
        """What a dialogue returns. Raises what it raises."""
        deadline = within(self.limit_seconds)
        try:
            request = next(dialogue)
            while True:
                try:
                    answer = await self.request(request, deadline)
                except (NoBroker, TooLarge) as error:  # noqa: PERF203 - the dialogue may go on
                    request = dialogue.throw(error)
                else:
                    request = dialogue.send(answer)
        except StopIteration as end:
            returned: Returned = end.value
            return returned

    async def request(self, request: Request, deadline: float) -> Message:
        """The answer to a request, which is sent again after a connection breaks: the broker may get it twice.

        Raises NoBroker, or TooLarge.
        """
        self.presence.check()
        while (answer := await self._asked(request, deadline)) is None:
            await asyncio.sleep(PAUSE_SECONDS)
        return answer

    async def _asked(self, request: Request, deadline: float) -> Message | None:
        """The answer; None if the connection has broken and there is time for another attempt.

        A timeout does not tell that the broker is away unless the attempt has had most of the time.
        """
        is_fair = deadline - time.monotonic() > self.limit_seconds * FAIR
        connection = self._connected()
        try:
            return await connection.request(request, deadline)
        except OSError as error:
            why = f"the broker does not answer ({type(error).__name__}: {error})"
            is_late = time.monotonic() + PAUSE_SECONDS >= deadline
            if is_late and not is_fair and isinstance(error, TimeoutError):
                raise NoBroker(why) from error
            connection.end(error)
            if not is_late:
                return None
            self.presence.failed(why)
            raise NoBroker(why) from error

    def _connected(self) -> Connection:
        connection = self.connection
        if connection is None or connection.error or connection.loop is not asyncio.get_running_loop():
            self.connection = connection = Connection(self.address)
        return connection

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        if self.connection is not None:
            self.connection.end(ConnectionAbortedError("the client is closed"))
            self.connection = None

"""A hostile client: it takes an attack's steps over one connection or several, and keeps what comes back."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from bench.analysis.replies import parse
from bench.attacks import Drip, Hold, Hostile, Leave, Pause, Send, Shut, Step, Stream
from bench.model.attack import End

KEPT = 4_000  # bytes of an answer that are stored
PARSED = 65_536  # bytes of an answer that are looked at
BLOCK = 65_536
GRACE_SECONDS = 0.25  # after the last reply, for a reply too many, or for the connection's end
CLOSE_SECONDS = 1.5  # the same where the server must close the connection
HELD_SECONDS = 1.0  # after a held attack has begun, before the good request
SENDING = 4  # times the limit: what sending may take
SMALL = 4_096  # bytes: the receive buffer of a client that does not read


class Ended(msgspec.Struct, frozen=True):
    """What one connection gave: its first bytes, their number in all, how it ended, and after how long.

    `heard`: whether the server sent anything, or closed the connection, in the client's pause; None without a pause.
    """

    received: bytes
    received_bytes: int
    end: End
    seconds: float
    heard: bool | None = None


class _Client:
    """One connection. `done` is set once the server has closed it, or has replied to everything.

    `released` is set once the good requests beside the attack have ended.
    """

    def __init__(self, hostile: Hostile, link: socket.socket, released: asyncio.Event) -> None:
        self.hostile, self.link, self.released = hostile, link, released
        self.heard: bool | None = None
        self.received, self.received_bytes = bytearray(), 0
        self.end: End = "open"
        self.told, self.done = asyncio.Event(), asyncio.Event()

    async def read(self) -> None:
        """Read until the server closes the connection."""
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self.link, BLOCK):
                self.received_bytes += len(data)
                self.received += data[: PARSED - len(self.received)]
                self.told.set()
                if self._is_answered():
                    self.done.set()
            self.end = "closed"
        except ConnectionError:
            self.end = "reset"
        self.told.set()
        self.done.set()

    def _is_answered(self) -> bool:
        """Whether all expected replies are there, or an error."""
        replies = parse(bytes(self.received), closed=False).replies
        whole = [reply for reply in replies if reply.complete]
        wanted = max(len(self.hostile.attack.expect), 1)
        return len(whole) >= wanted or any(reply.status >= 400 for reply in whole)

    async def take(self, step: Step) -> None:
        """Take one step; an answer or the end of the connection cuts it short."""
        loop = asyncio.get_running_loop()
        match step:
            case Send(data):
                await loop.sock_sendall(self.link, data)
            case Drip(data, seconds):
                for at in range(len(data)):
                    if self.done.is_set():
                        return
                    await loop.sock_sendall(self.link, data[at : at + 1])
                    await _until(self.done, seconds)
            case Stream(part, total):
                block = part * max(1, BLOCK // len(part))
                for _ in range(total // len(block)):
                    if self.done.is_set():
                        return
                    await loop.sock_sendall(self.link, block)
            case Pause(seconds):
                await _until(self.told, seconds)
                self.heard = self.told.is_set()
            case Hold():
                await self.released.wait()
            case Shut():
                self.link.shutdown(socket.SHUT_WR)
            case Leave(reset):
                if reset:
                    self.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.end = "left"


async def attack(
    hostile: Hostile, address: tuple[str, int], limit_seconds: float, beside: Callable[[], None] | None = None
) -> list[Ended]:
    """Take the steps of an attack with all its clients at once.

    `beside` is called while a held attack goes on. No client of it closes its connection before `beside` has returned.
    After the last step, a connection has `limit_seconds` to be answered or closed; a slow client's has them in all.
    """
    released = asyncio.Event()
    clients = [
        asyncio.create_task(_converse(hostile, address, limit_seconds, released)) for _ in range(hostile.clients)
    ]
    if beside and hostile.held:
        await asyncio.sleep(HELD_SECONDS)
        await asyncio.to_thread(beside)
    released.set()
    return list(await asyncio.gather(*clients))


def ends(found: list[Ended]) -> dict[End, int]:
    """How many connections ended in each way; empty for a single one."""
    return dict(Counter(each.end for each in found)) if len(found) > 1 else {}


async def _converse(hostile: Hostile, address: tuple[str, int], limit_seconds: float, released: asyncio.Event) -> Ended:
    loop, began = asyncio.get_running_loop(), time.monotonic()
    with socket.socket() as link:
        link.setblocking(False)
        if not hostile.reads:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        client = _Client(hostile, link, released)
        try:
            await asyncio.wait_for(loop.sock_connect(link, address), limit_seconds)
        except (TimeoutError, OSError):
            return Ended(b"", 0, "reset", time.monotonic() - began)
        reading = asyncio.create_task(client.read()) if hostile.reads else None
        await _step_by_step(client, limit_seconds * (1 if hostile.slow else SENDING))
        if reading and client.end != "left":
            spent = time.monotonic() - began if hostile.slow else 0.0
            await _until(client.done, max(limit_seconds - spent, GRACE_SECONDS))
            if client.done.is_set() and client.end == "open":
                await _until_ended(reading, CLOSE_SECONDS if hostile.attack.closes else GRACE_SECONDS)
        seconds = time.monotonic() - began
        if hostile.held:
            await released.wait()
        if reading:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
        return Ended(bytes(client.received[:KEPT]), client.received_bytes, client.end, seconds, client.heard)


async def _step_by_step(client: _Client, limit_seconds: float) -> None:
    """Take all steps, unless that takes too long or the server ends the connection."""

    async def taken() -> None:
        for step in client.hostile.steps:
            await client.take(step)
        if not client.hostile.reads:
            await asyncio.sleep(limit_seconds)

    with suppress(TimeoutError, OSError):
        await asyncio.wait_for(taken(), limit_seconds)
    if not client.hostile.reads:
        client.end = "left"


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _until_ended(reading: Awaitable[None], seconds: float) -> None:
    """Wait shortly for more bytes or the end of an answered connection."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reading), seconds)

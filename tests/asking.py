"""The service's clients of NATS, each asked in the same way."""

import asyncio
import time
from types import ModuleType

from app import nats_asyncio, nats_blocking
from app.nats import LIMIT_SECONDS, Dialogue, Headers, Message, Request, Returned


class Asking:
    """The blocking client."""

    module: ModuleType = nats_blocking

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.client: nats_blocking.Client | nats_asyncio.Client = nats_blocking.Client(url, limit_seconds)

    def request(
        self, subject: str, payload: bytes = b"", headers: Headers | None = None, seconds: float = 0.0
    ) -> Message:
        """The answer to a message, within so many seconds or the limit of the client."""
        deadline = time.monotonic() + (seconds or self.client.limit_seconds)
        return self.asked(Request(subject, payload, headers), deadline)

    def asked(self, request: Request, deadline: float) -> Message:
        assert isinstance(self.client, nats_blocking.Client)
        return self.client.request(request, deadline)

    def run(self, dialogue: Dialogue[Returned]) -> Returned:
        """What a dialogue returns."""
        assert isinstance(self.client, nats_blocking.Client)
        return self.client.run(dialogue)

    def close(self) -> None:
        self.client.close()


class AskingOnLoop(Asking):
    """The client on a loop, which runs while it is asked."""

    module = nats_asyncio

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = nats_asyncio.Client(url, limit_seconds)

    def asked(self, request: Request, deadline: float) -> Message:
        assert isinstance(self.client, nats_asyncio.Client)
        return self.loop.run_until_complete(self.client.request(request, deadline))

    def run(self, dialogue: Dialogue[Returned]) -> Returned:
        assert isinstance(self.client, nats_asyncio.Client)
        return self.loop.run_until_complete(self.client.run(dialogue))

    def close(self) -> None:
        super().close()
        self.loop.run_until_complete(asyncio.sleep(0))  # the loop closes the socket
        self.loop.close()


CLIENTS = {"blocking": Asking, "asyncio": AskingOnLoop}

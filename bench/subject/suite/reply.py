"""The interface of the test clients."""

from typing import NamedTuple, Protocol


class Reply(NamedTuple):
    """An answer: the parts that the contract specifies."""

    status: int
    content_type: str
    body: bytes


class Client(Protocol):
    """Sends requests to an application in this process."""

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        """Return the answer to a request for `target`, a URL path with its query."""

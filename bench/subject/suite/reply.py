"""What every client makes of an answer."""

from typing import NamedTuple, Protocol


class Reply(NamedTuple):
    """An answer as the contract sees it."""

    status: int
    content_type: str
    body: bytes


class Client(Protocol):
    """Asks an application within this process."""

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        """The answer to a request for `target`, a path as it stands in a URL with its query."""

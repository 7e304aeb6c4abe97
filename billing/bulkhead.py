"""A bulkhead: calls of one slow service do not take all that a worker can do at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from app.http import Problem


class Bulkhead:
    """At most `calls` blocks at once. A further one is refused, and does not wait."""

    def __init__(self, calls: int) -> None:
        self._free = BoundedSemaphore(calls)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be one of the calls during the block. Raises Problem 503."""
        if not self._free.acquire(blocking=False):
            raise Problem("503 Service Unavailable", "too many calls of statements are under way", ("Retry-After", "1"))
        try:
            yield
        finally:
            self._free.release()

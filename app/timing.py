"""When the core began and ended with the document of a request."""

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter_ns

CORE: ContextVar[tuple[int, int] | None] = ContextVar("CORE", default=None)  # by `perf_counter_ns`


def timed(transform: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A transform that notes when it began and ended."""

    def noted(document: bytes) -> bytes:
        begin = perf_counter_ns()
        try:
            return transform(document)
        finally:
            CORE.set((begin, perf_counter_ns()))

    return noted

"""How long the core took for the document of a request."""

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter_ns

CORE_NS: ContextVar[int | None] = ContextVar("CORE_NS", default=None)


def timed(transform: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A transform that notes its nanoseconds."""

    def noted(document: bytes) -> bytes:
        begin = perf_counter_ns()
        try:
            return transform(document)
        finally:
            CORE_NS.set(perf_counter_ns() - begin)

    return noted

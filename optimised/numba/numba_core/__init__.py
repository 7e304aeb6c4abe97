"""The statement transform as a scanner over bytes, compiled by Numba; docs/cores-numba.md explains it."""

import os
import threading
from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_name
from numba import config

from app.core import transform as reference
from numba_core.entry import ANSWER, statement

_SEED = int.from_bytes(os.urandom(8), "little")  # keys the hash tables
_KEPT_BYTES = 1 << 26  # enough for documents of 2 MB; most of a block is never touched


class _Memory(threading.local):
    """A block of memory to work in, which each thread keeps for its next document."""

    def __init__(self) -> None:
        self.block = np.empty(1 << 16, np.uint8)


class _Fallbacks:
    """The number of documents that fell back to the reference core."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self.count += 1


_memory = _Memory()
_fallbacks = _Fallbacks()


def transform(document: bytes) -> bytes:
    """Answer a batch with its statement. Raises MalformedDocument or InvalidDocument, as the reference core does."""
    text = np.frombuffer(document, np.uint8)
    block = _memory.block
    length = statement(text, block, _SEED)
    if length < 0:
        block = np.empty(-length, np.uint8)
        length = statement(text, block, _SEED)
        if block.size <= _KEPT_BYTES:
            _memory.block = block
    if length:
        return block[ANSWER : ANSWER + length].tobytes()
    _fallbacks.add()
    return reference(document)


def fallbacks() -> int:
    """The number of documents that fell back to the reference core."""
    return _fallbacks.count


def provenance() -> dict[str, Any]:
    """What runs: the processor it is compiled for, the nopython signatures, and how many of them came from the cache.

    `fallbacks` counts the documents that fell back to the reference core.
    """
    return {
        "path": config.CPU_NAME or get_host_cpu_name(),
        "nopython": len(statement.nopython_signatures) == len(statement.signatures) == 1,
        "signatures": [str(signature) for signature in statement.nopython_signatures],
        "cache_hits": sum(statement.stats.cache_hits.values()),
        "fallbacks": fallbacks(),
    }

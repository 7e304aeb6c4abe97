"""What may differ between two sessions and can be changed on purpose: the factors, their levels, and why not here.

A factor's levels are as alike as two sessions are. So how far they lie apart, beyond what fresh processes do anyway, is
what the factor adds to the difference between sessions.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import cache

from msgspec import Struct

STILL = ("setarch", "--addr-no-randomize")  # starts a process at the same addresses each time
PADDING_BYTES = 4096  # a page: an environment of another size moves all that lies above it


class Factor(Struct, frozen=True):
    """What is changed, in words, and its levels, so many.

    `averaged` says that a session has many levels of it, as each of its processes has one of its own.
    """

    title: str
    levels: Callable[[int], Sequence[int]]
    averaged: bool = False


@cache
def why_not(name: str) -> str | None:
    """Why a factor cannot be changed here; None if it can."""
    if name != "addresses":
        return None
    tried = subprocess.run([*STILL, "true"], check=False, capture_output=True, text=True)
    return f"`{' '.join(STILL)}` is refused here: {tried.stderr.strip()}" if tried.returncode else None


def _sizes(count: int) -> Sequence[int]:
    """Bytes, evenly from none to a page."""
    return [round(level * PADDING_BYTES / (count - 1)) for level in range(count)]


FACTORS = {
    "nothing": Factor("nothing: the same again", range),
    "environment": Factor("size of the environment, 0 to 4,096 bytes", _sizes, averaged=True),
    "addresses": Factor("the same, address-space randomisation off", _sizes, averaged=True),
    "seed": Factor("hash seed", range, averaged=True),
    "files": Factor("a fresh copy of interpreter and core", range),
    "build": Factor("a rebuild from the same source", range),
}

"""Factors: conditions that differ between two sessions and that the lab can vary on purpose, each with its levels.

The levels of a factor differ as two sessions do. Their scatter beyond that of fresh processes is what the factor adds
to the difference between sessions.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import cache

from msgspec import Struct

STILL = ("setarch", "--addr-no-randomize")  # starts each process at the same addresses
PADDING_BYTES = 4096  # a page: the size of the environment shifts the stack


class Factor(Struct, frozen=True):
    """A factor's title, and a function from a number of levels to the levels.

    `averaged`: each process of a session has its own level, so a session averages over many.
    """

    title: str
    levels: Callable[[int], Sequence[int]]
    averaged: bool = False


@cache
def why_not(name: str) -> str | None:
    """Why this machine cannot vary the factor; None if it can."""
    if name != "addresses":
        return None
    tried = subprocess.run([*STILL, "true"], check=False, capture_output=True, text=True)
    return f"`{' '.join(STILL)}` fails on this machine: {tried.stderr.strip()}" if tried.returncode else None


def _sizes(count: int) -> Sequence[int]:
    """Bytes, evenly spaced from 0 to a page."""
    return [round(level * PADDING_BYTES / (count - 1)) for level in range(count)]


FACTORS = {
    "nothing": Factor("nothing: a repetition", range),
    "environment": Factor("size of the environment, 0 to 4,096 bytes", _sizes, averaged=True),
    "addresses": Factor("the same, address-space randomisation off", _sizes, averaged=True),
    "seed": Factor("hash seed", range, averaged=True),
    "files": Factor("a fresh copy of interpreter and core", range),
    "build": Factor("a rebuild from the same source", range),
}

"""The build of an interpreter as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {
    ("pgo", True): "PGO",
    ("pgo", False): "no PGO",
    ("lto", True): "LTO",
    ("lto", False): "no LTO",
    ("shared", True): "in a shared library",
    ("jit", True): "JIT on",
    ("jit", False): "JIT off",
    ("gil", False): "no GIL",
}


def how(build: Mapping[str, Any]) -> str:
    """The known facts of a build, such as `PGO, LTO, JIT off`, or `build unknown`."""
    return ", ".join(words for (key, value), words in WORDS.items() if build.get(key) is value) or "build unknown"

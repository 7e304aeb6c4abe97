"""The base types of all nouns: declared in TOML or recorded by the lab; and the types of their fields."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Implementation = Literal["cpython", "pypy"]
Interface = Literal["wsgi", "asgi", "rsgi"]
Algorithm = Literal["ES256", "RS256", "EdDSA"]
RankedBy = Literal["cpu", "rate"]
Argv = tuple[str, ...]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0)]

COLD_JVM_SECONDS = 5.0  # during these a JVM is busy compiling itself


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A noun that a TOML file declares. An unknown key is an error."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A noun that the lab writes to disk and reads back."""

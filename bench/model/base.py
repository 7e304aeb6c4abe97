"""What every noun is made of: what a TOML file declares, what the lab records, and the units in names."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Implementation = Literal["cpython", "pypy"]
Interface = Literal["wsgi", "asgi"]
RankedBy = Literal["cpu", "rate"]
Argv = tuple[str, ...]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0)]

COLD_JVM_SECONDS = 5.0  # what a JVM measures of itself before that is its own compiling


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a TOML file declares; a misspelt key is an error that names it."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the lab writes to disk and reads again."""

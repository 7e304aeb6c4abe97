"""The settings of billing, from environment variables: `BILLING_` and the name of the field in capitals."""

import os
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, convert

MEBIBYTE = 2**20

Origin = Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+$")]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Count = Annotated[int, Meta(ge=1)]


class Settings(Struct, frozen=True, kw_only=True, rename=lambda field: f"BILLING_{field.upper()}"):
    """Where `statements` is, and the limits of calling it; `docs/two-services.md` has the reasons for each default.

    The limits hold for each worker process.
    """

    statements: Origin
    deadline_seconds: Seconds = 2.0  # of a request, with all its attempts
    connect_seconds: Seconds = 0.5
    write_seconds: Seconds = 1.5  # between two parts of the batch that the other side takes
    read_seconds: Seconds = 1.5  # between two parts of the answer that arrive
    attempts: Count = 3
    calls: Count = 16  # at once
    circuit_failures: Count = 5  # in a row
    circuit_seconds: Seconds = 5.0
    max_bytes: Count = MEBIBYTE // 4
    max_answer_bytes: Count = MEBIBYTE


def configured(env: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an environment. Raises msgspec.ValidationError, which names the variable."""
    return convert(dict(env), Settings, strict=False)

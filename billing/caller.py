"""What billing passes on of a request: who asks, the request's id, and the trace that it is part of."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from app.http import Problem

PRINTABLE = re.compile("[ -~]*")
# W3C Trace Context, 3.2: version, trace-id, parent-id and trace-flags; a later version may have more after another "-".
TRACEPARENT = re.compile("(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
SAMPLED = 1  # the flag that is kept: version 00 sends all others as 0


class Caller(NamedTuple):
    """What is passed on of a request, apart from its id."""

    authorization: str
    trace: str
    flags: str = "00"
    tracestate: str = ""

    @classmethod
    def of(cls, header: Callable[[str], str | None]) -> "Caller":
        """The caller, from a function that returns a header of the request. Raises Problem 400.

        The HTTP client would refuse other characters with the error that tells of a broken answer. Five such requests
        would open the circuit for all callers.
        """
        authorization = header("Authorization") or ""
        if not PRINTABLE.fullmatch(authorization):
            raise Problem("400 Bad Request", "Authorization has characters other than printable ASCII")
        parent = TRACEPARENT.fullmatch(header("traceparent") or "")
        if parent is None or (parent[1] == "00" and parent[4]):
            return cls(authorization, os.urandom(16).hex())
        state = header("tracestate") or ""
        flags = f"{int(parent[3], 16) & SAMPLED:02x}"
        return cls(authorization, parent[2], flags, state if PRINTABLE.fullmatch(state) else "")

    def headers(self) -> dict[str, str]:
        """The headers of an attempt, which is a span of its own; the id of the request is a parameter of the client."""
        passed = {
            "Authorization": self.authorization,
            "traceparent": f"00-{self.trace}-{os.urandom(8).hex()}-{self.flags}",
            "tracestate": self.tracestate,
        }
        return {name: value for name, value in passed.items() if value}

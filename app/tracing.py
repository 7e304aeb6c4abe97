"""The trace that a request is part of: what a caller says of it, and what is passed on (W3C Trace Context, level 2).

https://www.w3.org/TR/trace-context-2/
"""

import os
import re
from contextvars import ContextVar
from typing import NamedTuple

SAMPLED, RANDOM = 1, 2  # the flags that are passed on; version 00 sends all others as 0
STATE_CHARACTERS = 512  # as many as each service has to pass on
STATE_MEMBERS = 32

# A version, an id of the trace, one of the caller's span, and flags. Later versions may have more after another "-".
# A comma would be that of a second header.
# Some servers leave white space around a value.
_parent = re.compile(
    "[ \t]*(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?[ \t]*"
)
_member = re.compile(r"[ \t]*(?:[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~])?[ \t]*")


class Trace(NamedTuple):
    """A trace, and the span in it that is the work of this process for one request or one document."""

    id: str  # 32 hexadecimal digits; those of spans have 16
    span: str
    caller: str = ""  # the span of who asked; empty where the trace begins
    flags: int = 0
    state: str = ""  # what others have to say of the trace; passed on as it is

    @property
    def is_sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    def headers(self) -> dict[str, str]:
        """The headers of what this span sends."""
        parent = {"traceparent": f"00-{self.id}-{self.span}-{self.flags:02x}"}
        return {**parent, "tracestate": self.state} if self.state else parent


TRACE: ContextVar[Trace | None] = ContextVar("TRACE", default=None)


def passed_on() -> dict[str, str]:
    """The headers of what is sent while this request is answered; none without a trace."""
    trace = TRACE.get()
    return trace.headers() if trace else {}


def taken(parent: str, state: str) -> Trace | None:
    """The trace that the values of both headers name; None if there is no valid one. A wrong state is left out."""
    found = _parent.fullmatch(parent)
    if found is None:
        return None
    version, id, caller, flags, more = found.groups()  # noqa: A001 - what it is
    if more and version == "00":
        return None
    known = int(flags, 16) & (SAMPLED | RANDOM)
    return Trace(id, os.urandom(8).hex(), caller, known, state if _is_state(state) else "")


def begun(share_bound: int) -> Trace:
    """A new trace. It is sampled if the last 64 bits of its id are below the bound, as OpenTelemetry decides it."""
    random = os.urandom(24).hex()  # the kernel's: unique in forked workers, too
    id, span = random[:32], random[32:]  # noqa: A001 - what it is
    return Trace(id, span, "", RANDOM | SAMPLED if int(id[16:], 16) < share_bound else RANDOM)


def _is_state(state: str) -> bool:
    if len(state) > STATE_CHARACTERS:
        return False
    members = state.split(",")
    return len(members) <= STATE_MEMBERS and all(map(_member.fullmatch, members))

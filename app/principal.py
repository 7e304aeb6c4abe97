"""The caller of a request. The layer `identity` sets it; models ask `principal()` and are handed no request.

A ContextVar needs a context for each request: see `app.context`.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """A caller, and what their token allows."""

    subject: str
    scopes: frozenset[str]


class NoPrincipal(LookupError):  # noqa: N818 - as LookupError is named
    """Nobody is known to ask: the request has no token, or the layer `identity` is off."""


PRINCIPAL: ContextVar[Principal] = ContextVar("principal")


def principal() -> Principal:
    """The caller of this request. Raises NoPrincipal if nobody is known."""
    try:
        return PRINCIPAL.get()
    except LookupError:
        raise NoPrincipal("no principal: the request has no token, or STATEMENTS_LAYERS lacks identity") from None

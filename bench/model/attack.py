"""Attacks: what a hostile client sends, what a server may do, and what it did."""

from __future__ import annotations

from typing import Literal

from bench.model.base import Recorded

AttackKind = Literal["valid", "framing", "chunks", "smuggling", "size", "connections", "slow"]
Allowed = Literal["answered", "refused"]
End = Literal["closed", "reset", "open", "left"]  # by the server, by the server with RST, still open, by the client


class Attack(Recorded, frozen=True, kw_only=True):
    """What is sent, in `title`, and what RFC 9112 and RFC 9110 allow in return.

    `answered` means 200 with each of the bodies in `expect`, in that order. `refused` means a 4xx status, 501 or 505,
    or a closed connection; with `status`, that status alone, or `or_status`. With `closes`, the server must then close
    the connection. With `urged`, it must send something before the client goes on. A kind `valid` request must be
    answered. `source` names the RFC's section, and the test suites that have such a case.
    """

    name: str
    kind: AttackKind
    title: str
    source: str
    allowed: tuple[Allowed, ...]
    expect: tuple[str, ...] = ()
    status: int | None = None
    or_status: int | None = None
    closes: bool = False
    urged: bool = False


class Reaction(Recorded, frozen=True, kw_only=True):
    """What `count` further connections of an attack gave alike: their first bytes as Latin-1, and how they ended."""

    received: str
    end: End
    count: int


class Good(Recorded, frozen=True, kw_only=True):
    """The answer to a good request: `told` says what came instead of the right one."""

    right: bool
    told: str | None = None
    seconds: float


class Trial(Recorded, frozen=True, kw_only=True):
    """What one server did under one attack; what it means is judged later (`bench.analysis.robustness`).

    `received` has the first bytes of the first connection as Latin-1, of `received_bytes` in all. It ended after
    `seconds` as `end` says; `heard` tells whether the server sent anything, or closed it, while the client waited.
    `others` are the connections that went another way than the first, and `ends` counts the ends of all, if there are
    several. `beside` is a good request while the attack goes on, `after` one when it has ended. If that one failed, a
    later one was right after `recovered_seconds`; without that figure the server had to be started again. `died` names
    processes that ended.
    """

    attack: str
    received: str = ""
    received_bytes: int = 0
    end: End
    ends: dict[End, int] = {}
    others: tuple[Reaction, ...] = ()
    heard: bool | None = None
    seconds: float
    beside: Good | None = None
    after: Good
    recovered_seconds: float | None = None
    died: tuple[str, ...] = ()

"""Replacements: the ways in which a running server is replaced by another version of its code."""

from __future__ import annotations

from typing import Literal

from bench.model.serving import Tuning

Order = Literal["start-first", "stop-first"]
Signal = Literal["HUP", "TERM", "USR2"]


class Replacement(Tuning, frozen=True, kw_only=True):
    """A way to replace a running server, for the programs in `servers`: a tuning that also says what is done then.

    Either the server replaces itself. `signals` go to its first process, each but the first once the new version has
    answered. With a `pid_file`, that process has then ended, and its successor's id is in the file; until then it is in
    the file `successor`, and SIGTERM to that rolls the new version back. Or the file `touch` is touched. In all,
    `{scratch}` is a folder of that run.

    Or another process takes its place. `order` says whether that is started before the old one gets SIGTERM, or after
    the old one has ended. A `proxy` before both, in whose `config` `{server}` is the address of the new one, gets
    SIGHUP in between; the old one gets SIGTERM once the old workers of the proxy have ended.

    `rest`: seconds from the time that only the new version answers until the server can be replaced again.

    `source` is where the way is documented. `cause` says why requests are lost, `causes` by label where it is another
    reason.
    """

    signals: tuple[Signal, ...] = ()
    pid_file: str | None = None
    successor: str | None = None
    touch: str | None = None
    order: Order | None = None
    rest: float = 0.0
    source: str
    cause: str = "unknown"
    causes: dict[str, str] = {}
    entry: str | None = "released"

    def __post_init__(self) -> None:
        """Raises ValueError for a contradiction; the decoder adds the file."""
        if sum(map(bool, (self.signals, self.touch, self.order))) != 1:
            raise ValueError("name one of signals, touch and order")
        if self.proxy and self.order != "start-first":
            raise ValueError('a proxy requires order = "start-first"')

    def is_for(self, program: str) -> bool:
        """Whether servers of a program can be replaced in this way."""
        return program in self.servers if self.servers else bool(program)

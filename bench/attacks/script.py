"""What a hostile client does, step by step, as data."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bench.model import Attack
from bench.model.attack import Allowed, AttackKind

BOTH: tuple[Allowed, ...] = ("answered", "refused")
ANSWERED: tuple[Allowed, ...] = ("answered",)
REFUSED: tuple[Allowed, ...] = ("refused",)


class Send(msgspec.Struct, frozen=True):
    """Send these bytes at once."""

    data: bytes


class Drip(msgspec.Struct, frozen=True):
    """Send these bytes one at a time, `seconds` apart."""

    data: bytes
    seconds: float


class Stream(msgspec.Struct, frozen=True):
    """Send `part` again and again, `total` bytes in all, unless the server answers or closes the connection."""

    part: bytes
    total: int


class Pause(msgspec.Struct, frozen=True):
    """Send nothing for that long, unless the server answers."""

    seconds: float


class Hold(msgspec.Struct, frozen=True):
    """Send nothing until the good requests beside the attack have ended."""


class Shut(msgspec.Struct, frozen=True):
    """Close the sending side only."""


class Leave(msgspec.Struct, frozen=True):
    """Close the connection without reading an answer; with `reset`, by RST instead of FIN."""

    reset: bool = False


Step = Send | Drip | Stream | Pause | Hold | Shut | Leave


class Hostile(msgspec.Struct, frozen=True, kw_only=True):
    """An attack with its steps. Each of `clients` takes them over a connection of its own.

    While a `held` attack goes on, a good GET and a good POST are sent. No client leaves before both have ended. A
    `slow` one has a server of its own, and longer to be ended. With `reads` False the client never reads an answer.
    `before` is how many good requests precede the attack.
    """

    attack: Attack
    steps: tuple[Step, ...]
    clients: int = 1
    held: bool = False
    reads: bool = True
    before: int = 0

    @property
    def slow(self) -> bool:
        """Whether it waits for the server's own time limits."""
        return self.attack.kind == "slow"

    @property
    def sent(self) -> bytes:
        """The bytes of all steps; a stream counts once."""
        parts = {Send: "data", Drip: "data", Stream: "part"}
        return b"".join(getattr(step, parts[type(step)]) for step in self.steps if type(step) in parts)


def hostile(
    name: str,
    title: str,
    allowed: tuple[Allowed, ...],
    source: str,
    steps: bytes | Iterable[Step],
    *,
    kind: AttackKind,
    expect: Iterable[str] = (),
    clients: int = 1,
    held: bool = False,
    reads: bool = True,
    before: int = 0,
    status: int | None = None,
    or_status: int | None = None,
    closes: bool = False,
    urged: bool = False,
) -> Hostile:
    """An attack that sends bytes at once, or takes several steps."""
    attack = Attack(
        name=name,
        kind=kind,
        title=title,
        source=source,
        allowed=allowed,
        expect=tuple(expect),
        status=status,
        or_status=or_status,
        closes=closes,
        urged=urged,
    )
    taken = (Send(steps),) if isinstance(steps, bytes) else tuple(steps)
    return Hostile(attack=attack, steps=taken, clients=clients, held=held or kind == "slow", reads=reads, before=before)

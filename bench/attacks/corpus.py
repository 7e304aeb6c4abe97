"""All attacks, kind by kind.

The kinds follow RFC 9112 and three collections that were read, not copied: gunicorn's `tests/requests`, http-garden's
seeds, and llhttp's `test/request`. Every request here is built anew for the service's own paths.
"""

from __future__ import annotations

from bench.attacks import chunks, floods, framing, slow, smuggling, valid
from bench.attacks.script import Hostile

CORPUS: tuple[Hostile, ...] = tuple(
    attack for part in (valid, framing, chunks, smuggling, floods, slow) for attack in part.attacks()
)


def named(name: str) -> Hostile:
    """The attack of that name."""
    return next(each for each in CORPUS if each.attack.name == name)

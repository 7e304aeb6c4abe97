"""Which requests get a line, and of which level: rules in a file, which every worker follows while it runs.

STATEMENTS_LOG_RULES  a file of JSON, such as {"sampled": 0.01, "slow_ms": 250}; without it every request gets a line

Errors always get a line, and so do requests that take `slow_ms` or longer. Of the others a share of `sampled` gets one.
"""

import json
import os
from math import inf
from random import random
from typing import Any, NamedTuple


class Rules(NamedTuple):
    """The share of usual requests that get a line, and the nanoseconds from which a request is slow."""

    sampled: float = 1.0
    slow_ns: float = inf

    def level(self, status: int, ns: int) -> str | None:
        """The level of a request's line; None if it gets none."""
        if status >= 500:
            return "error"
        if ns >= self.slow_ns:
            return "warn"
        return "info" if self.sampled == 1.0 or random() < self.sampled else None


USUAL = Rules()


class Sampler:
    """The rules of a file. While there is none, they are the usual ones."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen: object = None
        self.rules = USUAL
        self._read()

    def refresh(self) -> None:
        """Read the file again if it has changed. Wrong rules are logged, and the last right ones stay."""
        try:
            self._read()
        except (OSError, ValueError) as error:
            from logging import getLogger  # noqa: PLC0415 - as rare as it is slow

            getLogger(__name__).error("STATEMENTS_LOG_RULES: %s", error)

    def _read(self) -> None:
        try:
            found = os.stat(self.file)  # noqa: PTH116 - one system call a second, without a Path
        except FileNotFoundError:
            self.seen, self.rules = None, USUAL
            return
        version = found.st_ino, found.st_mtime_ns, found.st_size
        if version == self.seen:
            return
        try:
            with open(self.file, "rb") as file:  # noqa: PTH123
                self.rules = rules_of(file.read())
        finally:
            self.seen = version  # even of wrong rules: told once. Last: no other thread goes on with the old ones


def rules_of(text: bytes) -> Rules:
    """The rules of a file's text. Raises ValueError."""
    given = json.loads(text)
    if not isinstance(given, dict) or not given.keys() <= {"sampled", "slow_ms"}:
        raise ValueError('the rules are an object with "sampled" and "slow_ms"')
    sampled, slow_ms = _number(given, "sampled", 1.0), _number(given, "slow_ms", inf)
    if sampled > 1:
        raise ValueError('"sampled" is a share from 0 to 1')
    return Rules(sampled, slow_ms * 1_000_000)


def _number(given: dict[str, Any], name: str, default: float) -> float:
    number = given.get(name, default)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not number >= 0:
        raise ValueError(f'"{name}" is a number from 0 on')
    return float(number)

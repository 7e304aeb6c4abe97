"""The errors that the lab shows a person."""

from __future__ import annotations

RIGHT = "right answers"  # the gate that a wrong answer ends a run at


class LabError(Exception):
    """What went wrong, in one line that names the file, key or command and what to do; the program exits with 2.

    `gate` names the gate that a run did not pass, if one ended it.
    """

    status = 2

    def __init__(self, told: str, *, gate: str | None = None) -> None:
        super().__init__(told)
        self.gate = gate


class WrongError(LabError):
    """A core of one's own that answers wrong, so that it gets no figure; the program exits with 1."""

    status = 1


class DisturbedError(LabError):
    """What the machine, and not its subject, may have done to a run: it is measured once more."""


class RefusedError(LabError):
    """What `--strict` does not measure; the program exits with 3."""

    status = 3


class MissingError(LabError):
    """A requirement is unavailable on this machine: the rest goes on; `remedy` is the command that brings it."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy

"""The errors that the lab shows a person."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import get_close_matches

RIGHT = "right answers"  # the gate that rejects a run with a wrong answer
NEAR = 0.8  # difflib's ratio from which a known name is suggested
UNWRITABLE = {  # errors of a disk or a folder, and what to do
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
}


class LabError(Exception):
    """An error in one line: the file, key or command, what is wrong, and what to do. The program exits with 2.

    `gate` names the gate that rejected a run, if one did.
    """

    status = 2

    def __init__(self, told: str, *, gate: str | None = None) -> None:
        super().__init__(told)
        self.gate = gate


class WrongError(LabError):
    """A user's own core gives a wrong answer, so it gets no figure. The program exits with 1."""

    status = 1


class DisturbedError(LabError):
    """The machine, not the subject, may have disturbed a run, so the run is repeated once."""


class RefusedError(LabError):
    """`--strict` refuses to measure. The program exits with 3."""

    status = 3


class LostError(Exception):
    """A machine of a fleet is lost. This is no fault of the case, so no run is stored."""


class MissingError(LabError):
    """A requirement is unavailable on this machine; the rest goes on. `remedy` is the command that brings it."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


class UnpinnedError(LabError):
    """A requirement that no lock file pins."""


def of_system(error: OSError, folders: str) -> LabError | None:
    """The error for a full or read-only disk, or for a program that is not on PATH; None for other errors.

    `folders` are named where the error names no file.
    """
    if error.errno in UNWRITABLE:
        return unwritable(error, error.filename or folders)
    if error.errno == errno.ENOENT and error.filename and "/" not in str(error.filename):
        return MissingError(f"{error.filename}: command not found: install it, or add its folder to PATH")
    return None


def unwritable(error: OSError, place: object) -> LabError:
    """The error for a file or folder that cannot be written, for one of the reasons in `UNWRITABLE`."""
    remedy = UNWRITABLE[error.errno or errno.ENOSPC]
    return LabError(f"{place}: {error.strerror}: {remedy}, then run the same command to continue")


def unknown(noun: str, name: str, known: Iterable[str], where: str = "") -> str:
    """The message for a `name` that is not `known`, with the nearest known name, or else all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=NEAR)
    return f"unknown {noun} {name!r}{where}; " + (
        f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    )

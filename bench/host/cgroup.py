"""A control group for one server: the kernel adds up the CPU time of whatever runs in it, ended workers included.

Version 1 tells nanoseconds in `cpuacct.usage`, version 2 microseconds in `cpu.stat`, of every group, be the controller
on or not (Linux, Documentation/admin-guide/cgroup-v1/cpuacct.rst and cgroup-v2.rst).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec

from bench.errors import LabError
from bench.host.cpu_time import Meter

PROC = Path("/proc/self")
JOIN = 'echo $$ > "$0" && exec "$@"'  # the shell enters the group and becomes the program that is named after it
EMPTY_SECONDS = 2.0  # how long the kernel may take to let go of ended processes
_numbers = count(1)


class Group(msgspec.Struct, frozen=True):
    """A control group and the version of the interface that it is of."""

    folder: Path
    version: Literal[1, 2]

    def joined(self, argv: list[str]) -> list[str]:
        """`argv` started within the group; the process id stays the command's own."""
        return ["sh", "-c", JOIN, str(self.folder / "cgroup.procs"), *argv]

    @property
    def meter(self) -> Meter:
        """CPU seconds of all that has run in the group."""
        return Meter("cpuacct.usage", self._nanoseconds) if self.version == 1 else Meter("cpu.stat", self._microseconds)

    def _nanoseconds(self) -> float:
        return int((self.folder / "cpuacct.usage").read_text()) / 1e9

    def _microseconds(self) -> float:
        told = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(told["usage_usec"]) / 1e6


@contextmanager
def group(proc: Path = PROC) -> Iterator[Group | None]:
    """A new group while the block runs; None where this user may make none.

    Raises LabError at the end if something still runs in it.
    """
    made = _made(proc)
    try:
        yield made
    finally:
        if made:
            _removed(made)


def _made(proc: Path) -> Group | None:
    for parent in _parents(proc):
        _swept(parent.folder)
        made = msgspec.structs.replace(parent, folder=_free(parent.folder))
        try:
            made.folder.mkdir()
        except OSError:
            continue  # not ours to make: the other version, or the processes' own clocks
        if _serves(made):
            return made
        made.folder.rmdir()
    return None


def _free(parent: Path) -> Path:
    """A name that no group has: one may be left of a process that had this one's number."""
    names = (parent / f"bench-{os.getpid()}-{number}" for number in _numbers)
    return next(name for name in names if not name.exists())


def _serves(made: Group) -> bool:
    """Whether a process can enter the group, and its time be read: not every hierarchy lets one in."""
    try:
        made.meter.read()
    except OSError:
        return False
    return subprocess.run(made.joined(["true"]), capture_output=True, check=False).returncode == 0


def _swept(parent: Path) -> None:
    """Remove what a lab that was killed left behind; a group in which something runs cannot be removed."""
    for folder in parent.glob("bench-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with suppress(OSError):
                folder.rmdir()


def _parents(proc: Path) -> list[Group]:
    """The groups that this process is in, of the hierarchies that count CPU time, version 1 first: it is finer."""
    own = {names: path for _, names, path in _fields(proc / "cgroup", ":", 2)}
    found = []
    for mount in _fields(proc / "mountinfo"):
        root, place = mount[3], Path(mount[4])
        kind, _, options = mount[mount.index("-") + 1 :][:3]
        for names, path in own.items():
            inside = path.removeprefix(root.rstrip("/")).lstrip("/")
            if kind == "cgroup" and "cpuacct" in options.split(",") and "cpuacct" in names.split(","):
                found.append(Group(place / inside, 1))
            elif kind == "cgroup2" and not names:
                found.append(Group(place / inside, 2))
    return sorted(found, key=lambda parent: parent.version)


def _fields(path: Path, separator: str | None = None, most: int = -1) -> list[list[str]]:
    return [line.split(separator, most) for line in path.read_text().splitlines()]


def _removed(made: Group) -> None:
    deadline = time.monotonic() + EMPTY_SECONDS
    while True:
        try:
            made.folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                left = (made.folder / "cgroup.procs").read_text().split()
                raise LabError(f"the server ended; still running: process {', '.join(left) or 'unknown'}") from None
            time.sleep(0.01)
        else:
            return

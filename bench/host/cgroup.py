"""A control group for one server: the kernel sums the CPU time of its processes, including those that have ended.

Version 1 reports nanoseconds in `cpuacct.usage`. Version 2 reports microseconds in `cpu.stat`, also without the CPU
controller. Source: Linux, Documentation/admin-guide/cgroup-v1/cpuacct.rst and cgroup-v2.rst.
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
JOIN = 'echo $$ > "$0" && exec "$@"'  # the shell enters the group and then becomes the program
EMPTY_SECONDS = 2.0  # time that the kernel may take to release ended processes
_numbers = count(1)


class Group(msgspec.Struct, frozen=True):
    """A control group and the version of its interface."""

    folder: Path
    version: Literal[1, 2]
    mount: Path = Path("/sys/fs/cgroup")  # of its hierarchy

    def argv_within(self, argv: list[str]) -> list[str]:
        """Return the argv that starts `argv` in the group. The process id remains that of the program."""
        return joining(self.folder, argv)

    @property
    def path(self) -> str:
        """Its path within the hierarchy, which may be used in others, too."""
        return f"/{self.folder.relative_to(self.mount)}"

    @property
    def meter(self) -> Meter:
        """The meter of the CPU seconds of every process that has run in the group."""
        return Meter("cpuacct.usage", self._nanoseconds) if self.version == 1 else Meter("cpu.stat", self._microseconds)

    def _nanoseconds(self) -> float:
        return int((self.folder / "cpuacct.usage").read_text()) / 1e9

    def _microseconds(self) -> float:
        fields = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6


@contextmanager
def group(proc: Path = PROC) -> Iterator[Group | None]:
    """Create a group for the block. Yields None if this user may not create one.

    Groups below it, and those of its path in other hierarchies, are removed with it: a container engine makes them.
    Raises LabError at the end if a process still runs in one.
    """
    created = _create(proc)
    try:
        yield created
    finally:
        if created:
            remove(created, proc)


def joining(folder: Path, argv: list[str]) -> list[str]:
    """Return the argv that starts `argv` in the group `folder`. The process id remains that of the program."""
    return ["sh", "-c", JOIN, str(folder / "cgroup.procs"), *argv]


def _create(proc: Path) -> Group | None:
    for parent in parents("cpuacct", proc):
        try:
            created = create_below(parent, proc)
        except OSError:
            continue  # no permission: try the other version; without either, the caller uses the processes' clocks
        if _works(created):
            return created
        created.folder.rmdir()
    return None


def create_below(parent: Group, proc: Path = PROC) -> Group:
    """Create a group, and remove those of labs that were killed. Raises OSError if this user may not."""
    _remove_stale(parent, _mounts(proc))
    # an earlier process with the same id may have left a group behind
    names = (parent.folder / f"bench-{os.getpid()}-{number}" for number in _numbers)
    folder = next(name for name in names if not name.exists())
    folder.mkdir()
    return msgspec.structs.replace(parent, folder=folder)


def _works(created: Group) -> bool:
    """Return True if a process can enter the group and its CPU time can be read. Some hierarchies refuse entry."""
    try:
        created.meter.read()
    except OSError:
        return False
    return subprocess.run(created.argv_within(["true"]), capture_output=True, check=False).returncode == 0


def _remove_stale(parent: Group, mounts: list[Path]) -> None:
    """Remove the groups of labs that were killed. Groups with running processes stay."""
    for folder in parent.folder.glob("bench-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with suppress(OSError):
                _remove_trees(msgspec.structs.replace(parent, folder=folder), mounts)


def _remove_trees(removed: Group, mounts: list[Path]) -> None:
    """Remove a group and those below it, in every hierarchy. Raises OSError for one with running processes."""
    for top in (mount / removed.path[1:] for mount in mounts):
        below = [path for path in top.rglob("*") if path.is_dir()]
        for folder in sorted((top, *below), key=lambda each: len(each.parts), reverse=True):
            with suppress(FileNotFoundError):
                folder.rmdir()


def _mounts(proc: Path) -> list[Path]:
    """Return where the hierarchies of control groups are mounted."""
    mounts = _fields(proc / "mountinfo")
    return [Path(mount[4]) for mount in mounts if mount[mount.index("-") + 1] in {"cgroup", "cgroup2"}]


def parents(controller: str, proc: Path = PROC) -> list[Group]:
    """Return this process's groups in the hierarchy of a controller of version 1, and then in that of version 2."""
    own = {names: path for _, names, path in _fields(proc / "cgroup", ":", 2)}
    found = []
    for mount in _fields(proc / "mountinfo"):
        root, mount_point = mount[3], Path(mount[4])
        kind, _, options = mount[mount.index("-") + 1 :][:3]
        for names, path in own.items():
            inside = path.removeprefix(root.rstrip("/")).lstrip("/")
            if kind == "cgroup" and controller in options.split(",") and controller in names.split(","):
                found.append(Group(mount_point / inside, 1, mount_point))
            elif kind == "cgroup2" and not names:
                found.append(Group(mount_point / inside, 2, mount_point))
    return sorted(found, key=lambda parent: parent.version)


def _fields(path: Path, separator: str | None = None, most: int = -1) -> list[list[str]]:
    return [line.split(separator, most) for line in path.read_text().splitlines()]


def remove(created: Group, proc: Path = PROC) -> None:
    """Remove a group, and those below it, once its processes have ended. Raises LabError if one still runs."""
    mounts = _mounts(proc)
    deadline = time.monotonic() + EMPTY_SECONDS
    while True:
        try:
            _remove_trees(created, mounts)
        except OSError:
            if time.monotonic() > deadline:
                pids = (created.folder / "cgroup.procs").read_text().split()
                raise LabError(f"the server left processes running: {', '.join(pids) or 'unknown'}") from None
            time.sleep(0.01)
        else:
            return

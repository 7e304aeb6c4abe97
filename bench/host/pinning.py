"""Assignment of cores to the server and to the load generator, so that they do not compete."""

import os
from functools import cache
from typing import NamedTuple

from bench.errors import LabError


class Cores(NamedTuple):
    """CPU numbers of the server and the generator. They are disjoint, except on a machine with a single core.

    The report states when they are shared.
    """

    server: frozenset[int]
    generator: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """All cores, for processes that run alone."""
        return self.server | self.generator

    @property
    def shared(self) -> bool:
        """True if server and generator share a core."""
        return bool(self.server & self.generator)


def cores() -> Cores:
    """Return the assignment: the last allowed core for the server, all others for the generator and the lab."""
    return _assigned(_served.count)


def serve_on(count: int) -> None:
    """Assign the last `count` cores to the server from now on. Raises LabError if none is left for the generator."""
    most = max(1, len(_allowed()) - 1)
    if count < 1:
        raise LabError(f"--workers {count}: use 1 or more")
    if count > most:
        here = f"this machine has {most} core{'s' if most > 1 else ''} for a server's workers beside the generator's"
        raise LabError(f"--workers {count}: {here}: use --workers {most}, or a machine of {count + 1} cores")
    _served.count = count


class _Served:
    """The number of cores that the server has."""

    count = 1


_served = _Served()


@cache
def _allowed() -> tuple[int, ...]:
    """Return the allowed cores at the first call, before the lab's own process leaves the server's cores."""
    return tuple(sorted(os.sched_getaffinity(0)))


@cache
def _assigned(served: int) -> Cores:
    allowed = _allowed()
    if len(allowed) == 1:
        return Cores(frozenset(allowed), frozenset(allowed))
    return Cores(frozenset(allowed[-served:]), frozenset(allowed[:-served]))


def leave_server_alone() -> None:
    """Restrict the lab's own process to the generator's cores."""
    os.sched_setaffinity(0, cores().generator)


def pinned(argv: list[str], cpus: frozenset[int]) -> list[str]:
    """Return the argv that runs `argv` on `cpus` only. The process id is that of the command, as taskset execs it."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *argv]

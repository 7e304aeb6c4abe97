"""Assignment of cores to the server and to the load generator, so that they do not compete."""

import os
from functools import cache
from typing import NamedTuple


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


@cache
def cores() -> Cores:
    """Return the assignment: the last allowed core for the server, all others for the generator and the lab."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        return Cores(frozenset(allowed), frozenset(allowed))
    return Cores(frozenset(allowed[-1:]), frozenset(allowed[:-1]))


def leave_server_alone() -> None:
    """Restrict the lab's own process to the generator's cores."""
    os.sched_setaffinity(0, cores().generator)


def pinned(argv: list[str], cpus: frozenset[int]) -> list[str]:
    """Return the argv that runs `argv` on `cpus` only. The process id is that of the command, as taskset execs it."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *argv]

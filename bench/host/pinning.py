"""Which cores serve and which generate load, so that neither takes the other's."""

import os
from functools import cache
from typing import NamedTuple


class Cores(NamedTuple):
    """Disjoint sets of CPU numbers on two cores and more; on one core both are the same, and the report says so."""

    server: frozenset[int]
    generator: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Every core, for what runs with nothing beside it."""
        return self.server | self.generator

    @property
    def shared(self) -> bool:
        """Whether server and generator have to share a core."""
        return bool(self.server & self.generator)


@cache
def cores() -> Cores:
    """One core for the server, the last one that is allowed; all others for the generator and the lab itself."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        return Cores(frozenset(allowed), frozenset(allowed))
    return Cores(frozenset(allowed[-1:]), frozenset(allowed[:-1]))


def leave_server_alone() -> None:
    """Keep the lab's own process, which samples and stores, off the server's core from now on."""
    os.sched_setaffinity(0, cores().generator)


def pinned(argv: list[str], cpus: frozenset[int]) -> list[str]:
    """`argv` started on `cpus` only; taskset becomes the command, so the process id is the command's own."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *argv]

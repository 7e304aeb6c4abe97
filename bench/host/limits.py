"""A limit on the CPU time of a server, set by the CPU controller of control groups, version 1.

Source: Linux, Documentation/scheduler/sched-bwc.rst for quota, period, burst and `cpu.stat`; sched-design-CFS.rst for
shares.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.errors import MissingError
from bench.host import cgroup
from bench.host.cgroup import PROC, Group
from bench.model import Limit

MICRO = 1000  # µs in a millisecond
REMEDY = "run as root on a machine with the CPU controller of cgroup version 1"


class Throttling(NamedTuple):
    """How many periods a group was active in, in how many of them it used up its quota, and the seconds it then waited.

    The seconds are summed over its cores.
    """

    periods: int
    throttled: int
    seconds: float

    def since(self, before: Throttling) -> Throttling:
        """What came after `before`."""
        return Throttling(
            self.periods - before.periods, self.throttled - before.throttled, self.seconds - before.seconds
        )


class Limited(msgspec.Struct, frozen=True):
    """A control group with a limit."""

    folder: Path

    def argv_within(self, argv: list[str]) -> list[str]:
        """Return the argv that starts `argv` within the limit. The process id remains that of the program."""
        return cgroup.joining(self.folder, argv)

    def throttling(self) -> Throttling:
        """The throttling so far."""
        fields = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return Throttling(int(fields["nr_periods"]), int(fields["nr_throttled"]), int(fields["throttled_time"]) / 1e9)


@contextmanager
def limited(limit: Limit, metered: Group | None = None, proc: Path = PROC) -> Iterator[Limited]:
    """Create a group with a limit for the block. A process joins `metered` first, then this group.

    It is the group `metered` itself if one hierarchy both counts CPU time and limits it. Raises MissingError if this
    user may not set limits.
    """
    if metered and (metered.folder / "cpu.shares").exists():
        yield _set(limit, metered.folder)
        return
    created = _create(proc)
    try:
        yield _set(limit, created.folder)
    finally:
        cgroup.remove(created, proc)


def require(proc: Path = PROC) -> None:
    """Try it. Raises MissingError if this user may not set limits."""
    most = Limit(name="try", title="", cpus=0.5, burst_ms=1)
    with cgroup.group(proc) as metered, limited(most, metered, proc):
        pass


def _create(proc: Path) -> Group:
    parents = [parent for parent in cgroup.parents("cpu", proc) if parent.version == 1]
    if not parents:
        raise MissingError("no CPU limits: cgroup version 1 with its CPU controller is not mounted", REMEDY)
    try:
        return cgroup.create_below(parents[0], proc)
    except OSError as error:
        raise MissingError(f"no CPU limits: {parents[0].folder}: {error.strerror}", REMEDY) from error


def _set(limit: Limit, folder: Path) -> Limited:
    """Write the limit. The period comes first, because it bounds the quota, and the quota bounds the burst."""
    values = {"cpu.shares": limit.shares}
    if limit.cpus is not None:
        values["cpu.cfs_period_us"] = limit.period_ms * MICRO
        values["cpu.cfs_quota_us"] = round(limit.cpus * limit.period_ms * MICRO)
    if limit.burst_ms:
        values["cpu.cfs_burst_us"] = limit.burst_ms * MICRO
    for name, value in values.items():
        try:
            (folder / name).write_text(str(value))
        except OSError as error:  # a kernel before 5.14 has no burst; a container may mount the files read-only
            raise MissingError(f"no CPU limits: {folder / name}: {error.strerror}", REMEDY) from error
    return Limited(folder)

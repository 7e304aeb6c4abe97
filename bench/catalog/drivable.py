"""Checks of loads and workloads: a generator can drive the load, and the workload has a right answer."""

from __future__ import annotations

from bench.errors import LabError
from bench.model import Load, Workload


def check_load(load: Load, where: str) -> None:
    """Raises LabError, beginning with `where`, for a load without an end, or one that its generator cannot drive."""
    if load.model == "closed":
        if not (load.users and load.seconds):
            key = "seconds" if load.users else "users"
            raise LabError(f"{where}: {key}: a closed load requires users and seconds, both more than 0")
        spans = [("seconds", load.seconds)]
    else:
        spans = [(f"segments[{place}].seconds", each.seconds) for place, each in enumerate(load.segments)]
        if not any(seconds for _, seconds in spans):
            raise LabError(f"{where}: segments: they last 0 seconds; an open load must last longer")
    if load.generator == "gatling":
        for key, seconds in (("lead_in_seconds", load.lead_in_seconds), *spans):
            if seconds < 1 or not float(seconds).is_integer():
                told = 'Gatling requires whole seconds, 1 or more; round, or set generator = "pacer"'
                raise LabError(f"{where}: {key}: {seconds:g}: {told}")


def check_workload(workload: Workload, where: str) -> None:
    """Raises LabError, beginning with `where`, for a workload whose right answer nothing says."""
    if workload.documents is None and workload.expect is None and not workload.exchanges:
        raise LabError(f"{where}: missing key 'expect' or 'documents': one of them must say the right answer")

"""Loads that their generator can drive, and workloads that have a right answer."""

from __future__ import annotations

from typing import Any

from bench.model import Load, Workload


def flaw(declared: Any) -> str | None:
    """What is wrong with a load or a workload; None if nothing is, and for other nouns."""
    match declared:
        case Load():
            return _of_load(declared)
        case Workload(documents=None, expect=None, exchanges=()):
            return "missing key 'expect' or 'documents': one of them must say the right answer"
    return None


def _of_load(load: Load) -> str | None:
    if load.model == "closed":
        if not (load.users and load.seconds):
            return f"{'seconds' if load.users else 'users'}: a closed load requires users and seconds, both more than 0"
        spans = [("seconds", load.seconds)]
    else:
        spans = [(f"segments[{place}].seconds", each.seconds) for place, each in enumerate(load.segments)]
        if not any(seconds for _, seconds in spans):
            return "segments: they last 0 seconds; an open load must last longer"
    if load.generator == "gatling":
        for key, seconds in (("lead_in_seconds", load.lead_in_seconds), *spans):
            if seconds < 1 or not float(seconds).is_integer():
                told = 'Gatling requires whole seconds, 1 or more; round, or set generator = "pacer"'
                return f"{key}: {seconds:g}: {told}"
    return None

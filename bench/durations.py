"""Durations as a person writes them: `90s`, `30m`, `1h30m`."""

from __future__ import annotations

import math
import re

from bench.errors import LabError

UNITS = {"h": 3600, "m": 60, "s": 1}


def duration(text: str, option: str) -> float:
    """Seconds of `90s`, `30m`, `1h` or `1h30m`. Raises LabError that names the `option` for anything else."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    parts = zip(found.groups("0"), UNITS.values(), strict=True) if found else ()
    seconds = sum(int(count) * unit for count, unit in parts)
    if not seconds:
        raise LabError(f"{option} {text!r} is no time: write 90s, 30m, 1h or 1h30m")
    return float(seconds)


def written(seconds: float) -> str:
    """A duration as `duration` reads it, in whole minutes from one on, and no shorter than it is."""
    left = math.ceil(seconds) if seconds < UNITS["m"] else 60 * math.ceil(seconds / 60)
    parts = {}
    for unit, size in UNITS.items():
        parts[unit], left = divmod(left, size)
    return "".join(f"{count}{unit}" for unit, count in parts.items() if count)

"""Durations as users write them: `90s`, `30m`, `1h30m`."""

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
        raise LabError(f"invalid {option} {text!r}: use a duration such as 90s, 30m or 1h30m")
    return float(seconds)


def written(seconds: float) -> str:
    """A duration in the format of `duration`, rounded up to whole minutes from one minute on."""
    left = math.ceil(seconds) if seconds < UNITS["m"] else 60 * math.ceil(seconds / 60)
    parts = {}
    for unit, size in UNITS.items():
        parts[unit], left = divmod(left, size)
    return "".join(f"{count}{unit}" for unit, count in parts.items() if count)

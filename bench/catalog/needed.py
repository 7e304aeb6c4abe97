"""What declarations need of the system: every part is one that `bench/system.toml` declares."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from bench.errors import unknown
from bench.model import Tuning
from bench.paths import ROOT


def flaw(declared: Any) -> str | None:
    """What is wrong with the first part that is not declared; None if all are."""
    proxy = declared.proxy if isinstance(declared, Tuning) else None
    key, needs = ("proxy.needs", proxy.needs) if proxy else ("needs", getattr(declared, "needs", ()))
    for name in needs:
        if name not in _parts():
            return f"{key}: {unknown('part of bench/system.toml', name, _parts())}"
    return None


@cache
def _parts() -> frozenset[str]:
    declared = tomllib.loads((ROOT / "bench" / "system.toml").read_text(encoding="utf-8"))
    return frozenset(part["name"] for part in declared["part"])

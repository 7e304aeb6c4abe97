"""Whether two interpreters were built alike: otherwise a comparison shows the builds as well as the versions."""

from __future__ import annotations

from bench.model import Provisioned

OPTIMISATIONS = {"pgo": "profile-guided optimisation", "lto": "link-time optimisation"}


def unlike(found: Provisioned, reference: Provisioned) -> str | None:
    """How `found` was built differently from `reference`; None if alike, as far as both builds are known."""
    known = [key for key in OPTIMISATIONS if key in found.build and key in reference.build]
    differing = [key for key in known if found.build[key] != reference.build[key]]
    told = [f"{'with' if found.build[key] else 'without'} {OPTIMISATIONS[key]}" for key in differing]
    return f"built {' and '.join(told)}, unlike the baseline's {reference.name}" if told else None

"""Interpreters of a study that were built differently from the others."""

from __future__ import annotations

from bench.analysis.text import listed
from bench.report.rows import Finding


def without_pgo(finding: Finding) -> str | None:
    """A note on interpreters without profile-guided optimisation; None where all have it, or none."""
    cores = [core for core in finding.cores if "pgo" in core.facts]
    known = {finding.catalog.interpreter_of(core.variant).title: core.facts["pgo"] for core in cores}
    without = [title for title, pgo in known.items() if not pgo]
    if len(without) in {0, len(known)}:
        return None
    return (
        f"Built without profile-guided optimisation, unlike the others: {listed(without)}. "
        "Differences from the others come from the build as well as the version."
    )

"""Which of a study's interpreters were built in another way than the rest."""

from __future__ import annotations

from bench.analysis.text import listed
from bench.report.rows import Finding


def unlike(finding: Finding) -> str | None:
    """A sentence on the interpreters of its cores that lack what others have; None where all are optimised alike."""
    cores = [core for core in finding.cores if "pgo" in core.facts]
    known = {finding.catalog.interpreter_of(core.variant).title: core.facts["pgo"] for core in cores}
    without = [title for title, pgo in known.items() if not pgo]
    if len(without) in {0, len(known)}:
        return None
    return (
        f"Built without profile-guided optimisation, which the others have: {listed(without)}. "
        "What parts these from the others is the build as well as the version."
    )

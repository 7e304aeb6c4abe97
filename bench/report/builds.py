"""Which of a study's interpreters were built in another way than the rest."""

from __future__ import annotations

from collections.abc import Iterable

from bench import catalog
from bench.analysis.text import listed
from bench.errors import LabError
from bench.report.rows import Core


def unlike(cores: Iterable[Core]) -> str | None:
    """A sentence on the interpreters of `cores` that lack what others have; None where all are optimised alike."""
    known = {_interpreter(core): core.facts["pgo"] for core in cores if "pgo" in core.facts}
    without = [title for title, pgo in known.items() if not pgo]
    if len(without) in {0, len(known)}:
        return None
    return (
        f"Built without profile-guided optimisation, which the others have: {listed(without)}. "
        "What parts these from the others is the build as well as the version."
    )


def _interpreter(core: Core) -> str:
    """The title of a core's interpreter; results may outlive the declaration, then the version that ran."""
    try:
        return catalog.interpreters()[catalog.variant(core.variant).interpreter].title
    except LabError:
        return str(core.facts.get("python"))

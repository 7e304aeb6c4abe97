"""The effects of a study's settings: targets without a limit, the largest changes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.model import Catalog
from bench.report.targets import TargetResult

NAMED = 4  # largest changes of a kind that are named


def only_settings(rows: Sequence[TargetResult]) -> bool:
    """Whether no target of the study has a limit: its targets show the effects of settings."""
    return bool(rows) and all(row.target.at_most is None for row in rows)


def sentences(rows: Sequence[TargetResult], catalog: Catalog) -> Iterator[str]:
    """The number of lower, higher, equal and undecided figures, then the largest changes."""
    known = [(row, found) for row in rows if (found := row.comparison)]
    changed = sorted((row for row, found in known if found.significant), key=_value)
    lower = [row for row in changed if _value(row) < 1]
    higher = [row for row in reversed(changed) if _value(row) > 1]
    equal, undecided = (sum(getattr(found, state) for _, found in known) for state in ("equal", "undecided"))
    yield (
        f"Of {len(known)} figures, settings lower {len(lower)} and raise {len(higher)}. "
        f"Equal within 5 %: {equal}. Undecided: {undecided}."
    )
    for change, named in (("Lower", lower[:NAMED]), ("Higher", higher[:NAMED])):
        for row in named:
            where = catalog.workloads[row.workload].title
            yield f"{change}: {row.text}, {row.target.title}, {where[:1].lower()}{where[1:]}."


def _value(row: TargetResult) -> float:
    return row.value or 0.0

"""What each setting of a study changes: its targets without limits, the greatest changes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analysis.comparison import MARGIN
from bench.model import Catalog
from bench.report.targets import Held

NAMED = 4  # changes of a kind in a sentence


def only_settings(rows: Sequence[Held]) -> bool:
    """Whether the study demands nothing of its targets: it shows what settings change."""
    return bool(rows) and all(row.target.at_most is None for row in rows)


def words(rows: Sequence[Held], catalog: Catalog) -> Iterator[str]:
    """How many figures fall, rise or stay, and the greatest changes."""
    known = [row for row in rows if row.value is not None]
    less = sorted((row for row in known if row.high is not None and row.high < 1), key=lambda row: row.value or 0.0)
    more = sorted((row for row in known if row.low is not None and row.low > 1), key=lambda row: -(row.value or 0.0))
    same = [row for row in known if row not in less and row not in more]
    within = [row for row in same if _is_equal(row)]
    yield (
        f"Of {len(known)} figures {len(less)} fall, {len(more)} rise, {len(within)} stay within 5 % and "
        f"{len(same) - len(within)} are undecided."
    )
    for what, changed in (("Fall most", less), ("Rise most", more)):
        if changed:
            yield f"{what}: {'; '.join(_told(row, catalog) for row in changed[:NAMED])}."


def _is_equal(row: Held) -> bool:
    return row.low is not None and row.high is not None and row.low >= 1 / (1 + MARGIN) and row.high <= 1 + MARGIN


def _told(row: Held, catalog: Catalog) -> str:
    where = catalog.workloads[row.workload].title
    return f"{row.target.title}, {where[:1].lower()}{where[1:]} {row.told}"

"""A ratio held against the noise: whether words may call it a difference, alone or among its family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench.model import Run
from bench.stats import LEVEL, Ratio, benjamini_hochberg, blocked_ratio, reach


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast as its baseline something is, or why that is not known.

    `floor` is the noise floor that it is held against. `claimed` says that the whole interval lies beyond it, and that
    this holds among the family, `among` comparisons read together; only then do words call it a difference. `smallest`
    is the smallest one that four of five such sessions see: 0.02 is 2 %.
    """

    ratio: Ratio | None = None
    floor: float | None = None
    among: int = 1
    claimed: bool = False
    smallest: float | None = None
    reason: str | None = None

    @property
    def none(self) -> bool:
        """Whether the estimate itself does not leave the noise floor: drawn as no difference."""
        return self.ratio is not None and self.floor is not None and self.ratio.within(self.floor)


def compared(ratio: Ratio, floor: float | None, among: int = 1, chance: float | None = None) -> Comparison:
    """`ratio` held against a noise floor; `chance` is its p-value, raised for a family, by default `among` times."""
    if floor is None:
        return Comparison(ratio=ratio, among=among)
    raised = among * ratio.chance(floor) if chance is None else chance
    claimed = ratio.differs_by_more_than(floor) and raised <= 1 - LEVEL
    return Comparison(ratio=ratio, floor=floor, among=among, claimed=claimed, smallest=ratio.smallest(floor))


def as_a_family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons that are read together, with the claims that Benjamini and Hochberg's procedure leaves."""
    known = [(each.ratio, each.floor) for each in comparisons if each.ratio and each.floor is not None]
    raised = iter(benjamini_hochberg([ratio.chance(floor) for ratio, floor in known]))
    return [
        compared(each.ratio, each.floor, len(known), next(raised)) if each.ratio and each.floor is not None else each
        for each in comparisons
    ]


def noise_floor(same: Ratio | None, tested: float | None) -> float | None:
    """How far from 1 ratios tell nothing: `tested` by the machine's self-test, else the reach of the A/A pair `same`.

    A pair that comes out further apart than the self-test says counts more: the machine is noisier by now.
    """
    own = reach(same) if same else None
    if same is None or own is None or tested is None:
        return own if tested is None else tested
    return max(tested, own) if same.differs_by_more_than(tested) else tested


def paired(above: Iterable[Run], below: Iterable[Run], metric: str) -> Ratio | None:
    """`metric` of one side ÷ that of the other by the blocks that hold both; None if there is no such block."""
    values = {run.block: run.values(metric) for run in above}
    pairs = [(values.get(run.block, ()), run.values(metric)) for run in below]
    whole = [(one, two) for one, two in pairs if one and two]
    return blocked_ratio(whole) if whole else None

"""A ratio and its verdict: significant, equal or undecided. One rule holds for estimate and interval.

The interval carries the sampling error. The noise floor is the machine's bias, what the mean of many A/A ratios leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis.stats import LEVEL, Ratio, benjamini_hochberg, blocked_ratio
from bench.model import Run

MARGIN = 0.05  # equivalence margin: the whole interval of equals lies within 1 ÷ 1.05 … 1.05


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast as its baseline a subject is, with a verdict; or the `reason` why that is unknown.

    `significant`: the whole interval lies beyond the noise `floor`, and the p-value holds in its family, `among`
    comparisons that are read together. Otherwise the two are `equal` or undecided. `smallest` is the smallest
    detectable difference at 80 % power: 0.02 is 2 %.
    """

    ratio: Ratio | None = None
    floor: float = 0.0
    among: int = 1
    significant: bool = False
    smallest: float | None = None
    reason: str | None = None

    @property
    def equal(self) -> bool:
        """Whether the difference is not significant and the whole interval lies within 5 % of 1."""
        if self.significant or self.ratio is None or self.ratio.low is None or self.ratio.high is None:
            return False
        return self.ratio.low >= 1 / (1 + MARGIN) and self.ratio.high <= 1 + MARGIN

    @property
    def undecided(self) -> bool:
        """Whether there is a ratio that is neither significant nor equal."""
        return self.ratio is not None and not self.significant and not self.equal


def compared(ratio: Ratio, floor: float = 0.0, among: int = 1, chance: float | None = None) -> Comparison:
    """Judge `ratio` against a noise floor. `chance` is its adjusted p-value, by default Bonferroni's for `among`."""
    adjusted = among * ratio.chance(floor) if chance is None else chance
    significant = ratio.differs_by_more_than(floor) and adjusted <= 1 - LEVEL
    return Comparison(ratio=ratio, floor=floor, among=among, significant=significant, smallest=ratio.smallest(floor))


def as_a_family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Judge comparisons that are read together, by Benjamini and Hochberg's procedure."""
    known = [(each.ratio, each.floor) for each in comparisons if each.ratio]
    adjusted = iter(benjamini_hochberg([ratio.chance(floor) for ratio, floor in known]))
    return [
        compared(each.ratio, each.floor, len(known), next(adjusted)) if each.ratio else each for each in comparisons
    ]


def noise_floor(same: Ratio | None, bias: float | None) -> float:
    """The distance from 1 within which no ratio is significant: the `bias` by the self-test, or 0 without one.

    If the interval of the study's own A/A pair, `same`, excludes 1 by more, that distance counts: the machine is
    noisier now.
    """
    return max(bias or 0.0, excluded(same) if same else 0.0)


def excluded(same: Ratio) -> float:
    """The distance from 1 to the nearer end of an interval that excludes 1; otherwise 0."""
    if same.low is None or same.high is None:
        return 0.0
    return max(same.low - 1, 1 / same.high - 1, 0.0)


def whole(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs of a case; none if one of them failed."""
    return () if any(run.verdict != "pass" for run in runs) else runs


def paired(above: Iterable[Run], below: Iterable[Run], metric: str) -> Ratio | None:
    """`metric` of one side ÷ that of the other, over the blocks that hold both; None without such a block."""
    values = {run.block: run.values(metric) for run in above}
    pairs = [(values.get(run.block, ()), run.values(metric)) for run in below]
    whole = [(one, two) for one, two in pairs if one and two]
    return blocked_ratio(whole) if whole else None

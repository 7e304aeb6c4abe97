"""A ratio and what words may say of it: a difference, equality, or neither. One rule for estimate and interval.

An interval carries the sampling error. The floor is what many averaged equals leave: the bias of the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis.stats import LEVEL, Ratio, benjamini_hochberg, blocked_ratio
from bench.model import Run

MARGIN = 0.05  # two whose whole interval lies within 1 ÷ 1.05 … 1.05 are equal


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast as its baseline something is, or why that is not known.

    It is one of three. `claimed` is a difference: the whole interval lies beyond the `floor`, and that holds among the
    family, `among` comparisons that are read together. Else it is `equal`, or undecided. `smallest` is the smallest
    difference that 80 % of such sessions detect: 0.02 is 2 %.
    """

    ratio: Ratio | None = None
    floor: float = 0.0
    among: int = 1
    significant: bool = False
    smallest: float | None = None
    reason: str | None = None

    @property
    def equal(self) -> bool:
        """Whether no difference is significant and the whole interval lies within 5 % of 1."""
        if self.significant or self.ratio is None or self.ratio.low is None or self.ratio.high is None:
            return False
        return self.ratio.low >= 1 / (1 + MARGIN) and self.ratio.high <= 1 + MARGIN

    @property
    def undecided(self) -> bool:
        """Whether there is a ratio that tells neither of a difference nor of equality."""
        return self.ratio is not None and not self.significant and not self.equal


def compared(ratio: Ratio, floor: float = 0.0, among: int = 1, chance: float | None = None) -> Comparison:
    """`ratio` held against a noise floor; `chance` is its p-value, raised for a family, by default `among` times."""
    raised = among * ratio.chance(floor) if chance is None else chance
    significant = ratio.differs_by_more_than(floor) and raised <= 1 - LEVEL
    return Comparison(ratio=ratio, floor=floor, among=among, significant=significant, smallest=ratio.smallest(floor))


def as_a_family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons that are read together, with the claims that Benjamini and Hochberg's procedure leaves."""
    known = [(each.ratio, each.floor) for each in comparisons if each.ratio]
    raised = iter(benjamini_hochberg([ratio.chance(floor) for ratio, floor in known]))
    return [compared(each.ratio, each.floor, len(known), next(raised)) if each.ratio else each for each in comparisons]


def noise_floor(same: Ratio | None, bias: float | None) -> float:
    """How far from 1 ratios tell nothing: the machine's `bias` by its self-test, 0 where none told of it.

    Where the interval of the study's own A/A pair, `same`, excludes 1 by more, that counts: the machine is noisier now.
    """
    return max(bias or 0.0, excluded(same) if same else 0.0)


def excluded(same: Ratio) -> float:
    """How far from 1 the nearer end of an interval lies that excludes 1; else 0."""
    if same.low is None or same.high is None:
        return 0.0
    return max(same.low - 1, 1 / same.high - 1, 0.0)


def paired(above: Iterable[Run], below: Iterable[Run], metric: str) -> Ratio | None:
    """`metric` of one side ÷ that of the other by the blocks that hold both; None if there is no such block."""
    values = {run.block: run.values(metric) for run in above}
    pairs = [(values.get(run.block, ()), run.values(metric)) for run in below]
    whole = [(one, two) for one, two in pairs if one and two]
    return blocked_ratio(whole) if whole else None

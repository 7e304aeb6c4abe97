"""Ratios of nested data: values within fresh processes, the process being the unit of replication.

Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013; Efron & Tibshirani, "An Introduction to the
Bootstrap", 1993, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
LEVEL = 0.95

Nested = Sequence[Sequence[float]]


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """`estimate` of numerator ÷ denominator and the ends of its 95 % bootstrap interval.

    The interval is absent where one side has a single process: one process tells nothing of the next.
    """

    estimate: float
    low: float | None = None
    high: float | None = None

    def differs_by_more_than(self, floor: float) -> bool:
        """Whether the whole interval lies outside 1 ± `floor`."""
        if self.low is None or self.high is None:
            return False
        return self.low > 1 + floor or self.high < 1 / (1 + floor)


def ratio(numerator: Nested, denominator: Nested, seed: int = 1) -> Ratio:
    """The ratio of the means of process means, with a percentile interval that resamples processes, then values."""
    rng = np.random.default_rng(seed)
    estimate = _mean_of_means(numerator) / _mean_of_means(denominator)
    if len(numerator) < 2 or len(denominator) < 2:
        return Ratio(estimate=estimate)
    drawn = _resampled(numerator, rng) / _resampled(denominator, rng)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(estimate=estimate, low=float(low), high=float(high))


def blocked_ratio(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], seed: int = 1) -> Ratio:
    """The ratio of means where each block holds one process of either side; whole blocks are resampled.

    What a block has in common (a busy neighbour, a warm core) cancels, as it strikes both.
    """
    above = np.array([np.mean(numerator) for numerator, _ in pairs])
    below = np.array([np.mean(denominator) for _, denominator in pairs])
    estimate = float(above.mean() / below.mean())
    if len(pairs) < 2:
        return Ratio(estimate=estimate)
    drawn = np.random.default_rng(seed).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    ratios = above[drawn].mean(axis=1) / below[drawn].mean(axis=1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(estimate=estimate, low=float(low), high=float(high))


def _mean_of_means(nested: Nested) -> float:
    return float(np.mean([np.mean(values) for values in nested]))


def _resampled(nested: Nested, rng: np.random.Generator) -> NDArray[np.float64]:
    """`RESAMPLES` means of process means: processes drawn with replacement, and the values of each drawn again."""
    size = len(nested)
    redrawn = np.empty((size, RESAMPLES, size))
    for process, values in enumerate(nested):
        table = np.asarray(values, dtype=float)
        redrawn[process] = table[rng.integers(0, len(table), (RESAMPLES, size, len(table)))].mean(axis=2)
    drawn = rng.integers(0, size, (1, RESAMPLES, size))
    means: NDArray[np.float64] = np.take_along_axis(redrawn, drawn, axis=0)[0].mean(axis=1)
    return means

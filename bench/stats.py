"""Ratios of nested data: values within fresh processes, the process being the unit of replication.

Intervals hold 95 %. From `ENOUGH` processes on they come from the bootstrap: whole processes are drawn with
replacement, as their means. Drawing values anew inside a drawn process would count the spread within processes twice
(Davison & Hinkley, "Bootstrap Methods and their Application", 1997, §3.8). The percentiles taken lie further out than
2.5 %, which makes up for a sample's spread being less than its population's (Hesterberg, "What Teachers Should Know
About the Bootstrap", The American Statistician 69, 2015, §4.1): of ten processes the plain percentiles hold the truth
nine times in ten only. Fewer processes cannot be resampled into a tail; there Student's t of the logarithm stands in.

Further: Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

RESAMPLES = 10_000
LEVEL = 0.95
ENOUGH = 6

Nested = Sequence[Sequence[float]]
Vector = NDArray[np.float64]
Shape = Literal["flat", "warm-up", "slow-down", "no steady state"]


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """`estimate` of numerator ÷ denominator and the ends of its 95 % interval.

    The interval is absent where one side has a single process: one process tells nothing of the next.
    """

    estimate: float
    low: float | None = None
    high: float | None = None

    def differs_by_more_than(self, floor: float) -> bool:
        """Whether the whole interval lies outside the noise floor, 1 ÷ (1 + `floor`) … 1 + `floor`."""
        if self.low is None or self.high is None:
            return False
        return self.low > 1 + floor or self.high < 1 / (1 + floor)


def ratio(numerator: Nested, denominator: Nested, seed: int = 1) -> Ratio:
    """The ratio of the means of process means; the two sides are independent and may differ in count."""
    above, below = _means(numerator), _means(denominator)
    estimate = float(above.mean() / below.mean())
    sizes = len(above), len(below)
    if min(sizes) < 2:
        return Ratio(estimate=estimate)
    if min(sizes) < ENOUGH:
        parts = [float(side.var(ddof=1)) / len(side) / float(side.mean()) ** 2 for side in (above, below)]
        # Welch and Satterthwaite: as many degrees of freedom as the noisier side lends.
        shares = sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
        return _student(estimate, math.sqrt(sum(parts)), sum(parts) ** 2 / shares if shares else 1.0)
    rng = np.random.default_rng(seed)
    drawn = [side[rng.integers(0, len(side), (RESAMPLES, len(side)))].mean(axis=1) for side in (above, below)]
    return _percentile(estimate, drawn[0] / drawn[1], min(sizes))


def blocked_ratio(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], seed: int = 1) -> Ratio:
    """The ratio of means where each block holds one process of either side; blocks stay whole.

    What a block has in common (a busy neighbour, a warm core) cancels, as it strikes both.
    """
    above, below = _means([numerator for numerator, _ in pairs]), _means([denominator for _, denominator in pairs])
    estimate = float(above.mean() / below.mean())
    size = len(pairs)
    if size < 2:
        return Ratio(estimate=estimate)
    if size < ENOUGH:
        apart = (above - estimate * below) / above.mean()
        return _student(estimate, math.sqrt(float(apart @ apart) / size / (size - 1)), size - 1)
    drawn = np.random.default_rng(seed).integers(0, size, (RESAMPLES, size))
    return _percentile(estimate, above[drawn].mean(axis=1) / below[drawn].mean(axis=1), size)


def noise_floor(same: Ratio) -> float | None:
    """How far from 1 the interval of an A/A pair reaches, upwards: at 0.02 a ratio of 0.98 to 1.02 tells nothing."""
    if same.low is None or same.high is None:
        return None
    return max(same.high, 1 / same.low) - 1


def warmup_shape(iterations: Nested, steady: int, tolerance: float) -> Shape:
    """What the iterations of a process typically do, the last `steady` of each (at least one) being the level.

    Each process is taken in units of its own level, and the median over the processes is what is judged: a step
    counts that leaves 1 ± `tolerance`. After Barrett et al., "Virtual Machine Warmup Blows Hot and Cold", OOPSLA 2017.
    """
    shared = min(map(len, iterations))
    scaled = [np.asarray(values[:shared]) / np.median(values[-steady:]) for values in iterations]
    typical = np.median(scaled, axis=0)
    level = typical[-steady:]
    if level.max() / level.min() > 1 + 2 * tolerance:
        return "no steady state"
    if typical[0] > 1 + tolerance:
        return "warm-up"
    return "slow-down" if typical[0] < 1 / (1 + tolerance) else "flat"


def _means(nested: Nested) -> Vector:
    return np.array([np.mean(values) for values in nested])


def _student(estimate: float, error: float, freedom: float) -> Ratio:
    """The interval from the standard error of the ratio's logarithm."""
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    return Ratio(estimate=estimate, low=estimate * math.exp(-reach), high=estimate * math.exp(reach))


def _percentile(estimate: float, drawn: Vector, size: int) -> Ratio:
    """The interval from resampled ratios of `size` processes, its tails set for a sample of that size."""
    reach = float(stdtrit(size - 1, (1 + LEVEL) / 2)) * math.sqrt(size / (size - 1))
    tail = float(ndtr(-reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Ratio(estimate=estimate, low=float(low), high=float(high))

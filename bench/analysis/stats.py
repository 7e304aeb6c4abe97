"""Ratios of nested data: values within fresh processes. The process is the unit of replication.

Each interval holds 95 % by itself, not simultaneously with others of its family. `benjamini_hochberg` decides which
differences of a family are significant.

From `ENOUGH` processes on, intervals come from the bootstrap: whole processes are drawn with replacement, as their
means. Resampling values within a drawn process would count the spread within processes twice (Davison & Hinkley,
"Bootstrap Methods and their Application", 1997, §3.8). The percentiles lie further out than 2.5 %, because a sample's
spread is smaller than its population's (Hesterberg, "What Teachers Should Know About the Bootstrap", The American
Statistician 69, 2015, §4.1): with ten processes, plain percentiles hold the truth only nine times in ten.

Fewer processes cannot be resampled into a tail. There, Student's t of the logarithm replaces the bootstrap. `chance`
and `smallest` always use it, as they need a tail beyond the reach of resampling.

Further: Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtrinc, ndtr, stdtr, stdtrit

RESAMPLES = 10_000
LEVEL = 0.95
POWER = 0.8
ENOUGH = 6
FEWEST_SESSIONS = 3  # with two, Student's t has one degree of freedom and multiplies the standard error by 12.7

Nested = Sequence[Sequence[float]]
Vector = NDArray[np.float64]


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """`estimate` of numerator ÷ denominator and the ends of its 95 % interval.

    `error` is the standard error of its natural logarithm, with `freedom` degrees of freedom. All but the estimate are
    None where one side has a single process, which has no spread.
    """

    estimate: float
    low: float | None = None
    high: float | None = None
    error: float | None = None
    freedom: float | None = None

    def differs_by_more_than(self, floor: float) -> bool:
        """Whether the whole interval lies outside the noise floor, 1 ÷ (1 + `floor`) … 1 + `floor`."""
        if self.low is None or self.high is None:
            return False
        return self.low > 1 + floor or self.high < 1 / (1 + floor)

    def within(self, floor: float) -> bool:
        """Whether the estimate itself lies in the noise floor."""
        return 1 / (1 + floor) <= self.estimate <= 1 + floor

    def lies_apart_from(self, other: Ratio) -> bool:
        """Whether the two intervals do not overlap."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or other.low > self.high

    def chance(self, floor: float = 0.0) -> float:
        """The p-value: how often at most a ratio this far from 1 arises where the truth lies within the noise floor."""
        beyond = abs(math.log(self.estimate)) - math.log1p(floor)
        if self.error is None or self.freedom is None or beyond <= 0:
            return 1.0
        return 2 * float(stdtr(self.freedom, -beyond / self.error)) if self.error else 0.0

    def smallest(self, floor: float = 0.0) -> float | None:
        """The smallest detectable difference beyond the noise floor at a power of `POWER`: 0.03 is 3 %.

        From this measurement's spread and number of processes, by the noncentral t distribution.
        """
        if self.error is None or self.freedom is None:
            return None
        reach = float(nctdtrinc(self.freedom, 1 - POWER, stdtrit(self.freedom, (1 + LEVEL) / 2)))
        return math.expm1(reach * self.error + math.log1p(floor))


def ratio(numerator: Nested, denominator: Nested, seed: int = 1) -> Ratio:
    """The ratio of the means of process means. The two sides are independent and may differ in count."""
    above, below = _means(numerator), _means(denominator)
    sizes = len(above), len(below)
    estimate = float(above.mean() / below.mean())
    if min(sizes) < 2:
        return Ratio(estimate=estimate)
    parts = [float(side.var(ddof=1)) / len(side) / float(side.mean()) ** 2 for side in (above, below)]
    # Welch and Satterthwaite: the noisier side determines the degrees of freedom.
    shares = sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    found = _student(estimate, math.sqrt(sum(parts)), sum(parts) ** 2 / shares if shares else 1.0)
    if min(sizes) < ENOUGH:
        return found
    rng = np.random.default_rng(seed)
    drawn = [side[rng.integers(0, len(side), (RESAMPLES, len(side)))].mean(axis=1) for side in (above, below)]
    return _resampled(found, drawn[0] / drawn[1], min(sizes))


def blocked_ratio(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], seed: int = 1) -> Ratio:
    """The ratio of means where each block holds one process of either side. Blocks are resampled as a whole.

    A disturbance of a whole block (a busy neighbour, a hot core) cancels, as it affects both sides.
    """
    above, below = _means([numerator for numerator, _ in pairs]), _means([denominator for _, denominator in pairs])
    estimate = float(above.mean() / below.mean())
    size = len(pairs)
    if size < 2:
        return Ratio(estimate=estimate)
    apart = (above - estimate * below) / above.mean()
    found = _student(estimate, math.sqrt(float(apart @ apart) / size / (size - 1)), size - 1)
    if size < ENOUGH:
        return found
    drawn = np.random.default_rng(seed).integers(0, size, (RESAMPLES, size))
    return _resampled(found, above[drawn].mean(axis=1) / below[drawn].mean(axis=1), size)


def averaged(ratios: Sequence[Ratio]) -> Ratio:
    """The geometric mean of ratios, with an interval from their spread; a single ratio has none."""
    logs = np.log([each.estimate for each in ratios])
    estimate, size = math.exp(float(logs.mean())), len(logs)
    if size < 2:
        return Ratio(estimate=estimate)
    return _student(estimate, float(logs.std(ddof=1)) / math.sqrt(size), size - 1)


def between(sessions: Sequence[Ratio]) -> Ratio:
    """The geometric mean of the sessions' ratios, with an interval from `FEWEST_SESSIONS` sessions on.

    The session is the unit: the precision within one session does not predict the next session.
    """
    found = averaged(sessions)
    return found if len(sessions) >= FEWEST_SESSIONS else Ratio(estimate=found.estimate)


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """The p-values of a family, adjusted: of those below 5 %, one in twenty is false on average.

    Benjamini & Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57, 1995.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - most of a second to import

    return [float(value) for value in false_discovery_control(chances)] if chances else []


def reach(same: Ratio) -> float | None:
    """The distance from 1 to the further end of an A/A pair's interval: 0.02 for 0.98 to 1.02."""
    if same.low is None or same.high is None:
        return None
    return max(same.high, 1 / same.low) - 1


def _means(nested: Nested) -> Vector:
    return np.array([np.mean(values) for values in nested])


def _student(estimate: float, error: float, freedom: float) -> Ratio:
    """The interval from the standard error of the ratio's logarithm."""
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    low, high = estimate * math.exp(-reach), estimate * math.exp(reach)
    return Ratio(estimate=estimate, low=low, high=high, error=error, freedom=freedom)


def _resampled(found: Ratio, drawn: Vector, size: int) -> Ratio:
    """`found` with its interval from resampled ratios; the percentiles are those for a sample of `size` processes."""
    reach = float(stdtrit(size - 1, (1 + LEVEL) / 2)) * math.sqrt(size / (size - 1))
    tail = float(ndtr(-reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return msgspec.structs.replace(found, low=float(low), high=float(high))

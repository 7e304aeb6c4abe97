"""Ratios of nested data: values within fresh processes, the process being the unit of replication.

Each interval holds 95 %, one by one and not all of a family at once; which of a family are called differences is
settled by `benjamini_hochberg`. From `ENOUGH` processes on they come from the bootstrap: whole processes are drawn with
replacement, as their means. Drawing values anew inside a drawn process would count the spread within processes twice
(Davison & Hinkley, "Bootstrap Methods and their Application", 1997, §3.8). The percentiles taken lie further out than
2.5 %, which makes up for a sample's spread being less than its population's (Hesterberg, "What Teachers Should Know
About the Bootstrap", The American Statistician 69, 2015, §4.1): of ten processes the plain percentiles hold the truth
nine times in ten only. Fewer processes cannot be resampled into a tail; there Student's t of the logarithm stands in,
as it does, whatever their number, where a tail is asked for that no resampling reaches: in `chance` and `smallest`.

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

    `error` is the standard error of its natural logarithm, with `freedom` degrees of freedom. All but the estimate is
    absent where one side has a single process: one process tells nothing of the next.
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
        """Whether the two intervals have nothing in common."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or other.low > self.high

    def chance(self, floor: float = 0.0) -> float:
        """How often at most a ratio as far out comes about where the truth lies in the noise floor: a p-value."""
        beyond = abs(math.log(self.estimate)) - math.log1p(floor)
        if self.error is None or self.freedom is None or beyond <= 0:
            return 1.0
        return 2 * float(stdtr(self.freedom, -beyond / self.error)) if self.error else 0.0

    def smallest(self, floor: float = 0.0) -> float | None:
        """The smallest difference that `POWER` of such measurements tell from the noise floor: 0.03 is 3 %.

        Of the spread and the number of processes that were had, by the noncentral t distribution.
        """
        if self.error is None or self.freedom is None:
            return None
        reach = float(nctdtrinc(self.freedom, 1 - POWER, stdtrit(self.freedom, (1 + LEVEL) / 2)))
        return math.expm1(reach * self.error + math.log1p(floor))


def ratio(numerator: Nested, denominator: Nested, seed: int = 1) -> Ratio:
    """The ratio of the means of process means; the two sides are independent and may differ in count."""
    above, below = _means(numerator), _means(denominator)
    sizes = len(above), len(below)
    estimate = float(above.mean() / below.mean())
    if min(sizes) < 2:
        return Ratio(estimate=estimate)
    parts = [float(side.var(ddof=1)) / len(side) / float(side.mean()) ** 2 for side in (above, below)]
    # Welch and Satterthwaite: as many degrees of freedom as the noisier side lends.
    shares = sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    found = _student(estimate, math.sqrt(sum(parts)), sum(parts) ** 2 / shares if shares else 1.0)
    if min(sizes) < ENOUGH:
        return found
    rng = np.random.default_rng(seed)
    drawn = [side[rng.integers(0, len(side), (RESAMPLES, len(side)))].mean(axis=1) for side in (above, below)]
    return _resampled(found, drawn[0] / drawn[1], min(sizes))


def blocked_ratio(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], seed: int = 1) -> Ratio:
    """The ratio of means where each block holds one process of either side; blocks stay whole.

    What a block has in common (a busy neighbour, a warm core) cancels, as it strikes both.
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
    """The geometric mean of ratios, with the interval that their own spread gives it; none of a single one."""
    logs = np.log([each.estimate for each in ratios])
    estimate, size = math.exp(float(logs.mean())), len(logs)
    if size < 2:
        return Ratio(estimate=estimate)
    return _student(estimate, float(logs.std(ddof=1)) / math.sqrt(size), size - 1)


def between(sessions: Sequence[Ratio]) -> Ratio:
    """The ratio over sessions, each of which has one of its own; an interval from `FEWEST_SESSIONS` on.

    A session is the unit here: how exact it was by itself says nothing of the next one.
    """
    found = averaged(sessions)
    return found if len(sessions) >= FEWEST_SESSIONS else Ratio(estimate=found.estimate)


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """The p-values of a family, raised so that of those below 5 % one in twenty is false in the mean.

    Benjamini & Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57, 1995.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - most of a second to import

    return [float(value) for value in false_discovery_control(chances)] if chances else []


def reach(same: Ratio) -> float | None:
    """How far from 1 the interval of an A/A pair reaches, upwards: at 0.02 that is from 0.98 to 1.02."""
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
    """`found` with its interval from resampled ratios of `size` processes, the tails set for a sample of that size."""
    reach = float(stdtrit(size - 1, (1 + LEVEL) / 2)) * math.sqrt(size / (size - 1))
    tail = float(ndtr(-reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return msgspec.structs.replace(found, low=float(low), high=float(high))

"""The warm-up of a process, from the change points of its iterations, for any runtime.

After Barrett et al., "Virtual Machine Warmup Blows Hot and Cold", OOPSLA 2017: iterations are segments of a level, and
the segments like the last one are the steady state. Dynamic programming finds the optimal segments (Jackson et al., "An
algorithm for optimal partitioning of data on an interval", IEEE Signal Processing Letters 12, 2005).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Shape = Literal["flat", "warm-up", "slow-down", "no steady state"]

MAD_TO_SIGMA = 1.4826  # standard deviation ÷ median absolute deviation of a normal distribution


class Warmup(msgspec.Struct, frozen=True):
    """The shape of a process's iterations, and the number of iterations before the steady state; None without one."""

    shape: Shape
    before: int | None


def warmup(iterations: Sequence[Sequence[float]], steady: int, tolerance: float) -> Warmup:
    """The typical warm-up of several processes; the last `steady` iterations of each (at least one) are its level.

    Each process is divided by its own level, and the median over the processes is cut into segments. Levels that differ
    by less than `tolerance` (0.05 is 5 %) are one level.
    """
    shared = min(map(len, iterations))
    scaled = [np.asarray(values[:shared]) / np.median(values[-steady:]) for values in iterations]
    curve = np.log(np.median(scaled, axis=0))
    reach = math.log1p(tolerance)
    if np.ptp(curve[-steady:]) > 2 * reach:
        return Warmup("no steady state", None)
    starts = change_points(curve, reach)
    levels = [float(part.mean()) for part in np.split(curve, starts[1:])]
    unlike = [index for index, level in enumerate(levels) if abs(level - levels[-1]) > reach]
    if not unlike:
        return Warmup("flat", 0)
    before = starts[unlike[-1] + 1]
    if before > len(curve) - steady:
        return Warmup("no steady state", None)
    return Warmup("warm-up" if levels[unlike[0]] > levels[-1] else "slow-down", before)


def running_median(values: Sequence[float]) -> list[float]:
    """The running median of three; the first value is kept.

    It removes single outliers, such as a garbage collection in one second, as Barrett et al. do before they cut.
    """
    if len(values) < 3:
        return list(values)
    around = [values[0], *values, values[-2]]  # the last but one is repeated after the last
    return [sorted(around[place : place + 3])[1] for place in range(len(values))]


def change_points(curve: NDArray[np.float64], least: float) -> list[int]:
    """The starts of the segments, the first at 0: the cut with the least squares plus a penalty for each segment.

    The penalty is that of Zhang & Siegmund (Biometrics 63, 2007). It scales with the noise between neighbouring values,
    or with a third of `least`, the smallest step of interest, if that is more.
    """
    size = len(curve)
    steps = np.abs(np.diff(curve))
    noise = max(float(np.median(steps)) * MAD_TO_SIGMA / math.sqrt(2) if size > 1 else 0.0, least / 3)
    penalty = 3 * noise**2 * math.log(max(size, 2))
    sums, squares = (np.concatenate([[0.0], np.cumsum(values)]) for values in (curve, curve**2))
    cost, came_from = [-penalty], [0]
    for end in range(1, size + 1):
        begins = np.arange(end)
        spread = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / (end - begins)
        costs = np.asarray(cost) + spread + penalty
        came_from.append(int(costs.argmin()))
        cost.append(float(costs.min()))
    starts, end = [], size
    while end:
        end = came_from[end]
        starts.append(end)
    return starts[::-1]

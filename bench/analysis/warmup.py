"""When a process is warm: its iterations cut at their change points; no runtime is named here.

After Barrett et al., "Virtual Machine Warmup Blows Hot and Cold", OOPSLA 2017: segments of a level, those like the
last one being the steady state. The cut is the best of all, by dynamic programming (Jackson et al., "An algorithm for
optimal partitioning of data on an interval", IEEE Signal Processing Letters 12, 2005).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Shape = Literal["flat", "warm-up", "slow-down", "no steady state"]

MAD_TO_SIGMA = 1.4826  # of a normal distribution


class Warmup(msgspec.Struct, frozen=True):
    """The shape of a process's iterations, and how many of them came before the steady ones; None if none are."""

    shape: Shape
    before: int | None


def warmup(iterations: Sequence[Sequence[float]], steady: int, tolerance: float) -> Warmup:
    """What the iterations of a process typically do, the last `steady` of each (at least one) being the level.

    Each process is taken in units of its own level, and the median over the processes is what is cut. Levels that
    differ by less than a share of `tolerance` are one.
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


def without_lone(values: Sequence[float]) -> list[float]:
    """The values without those that stand out of both their neighbours: a running median of three, the first kept.

    A collection in one second is no change of level; Barrett et al. take such outliers out before they cut, too.
    """
    if len(values) < 3:
        return list(values)
    around = [values[0], *values, values[-2]]  # as if the last but one came again after the last
    return [sorted(around[place : place + 3])[1] for place in range(len(values))]


def change_points(curve: NDArray[np.float64], least: float) -> list[int]:
    """Where segments of one level begin, the first at 0: the cut with the least squares and a price for each segment.

    The price is that of Zhang & Siegmund (Biometrics 63, 2007), of the noise from one value to the next, or of a third
    of `least`, the smallest step of interest, where that is more.
    """
    size = len(curve)
    steps = np.abs(np.diff(curve))
    noise = max(float(np.median(steps)) * MAD_TO_SIGMA / math.sqrt(2) if size > 1 else 0.0, least / 3)
    price = 3 * noise**2 * math.log(max(size, 2))
    sums, squares = (np.concatenate([[0.0], np.cumsum(values)]) for values in (curve, curve**2))
    cost, came_from = [-price], [0]
    for end in range(1, size + 1):
        begins = np.arange(end)
        spread = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / (end - begins)
        costs = np.asarray(cost) + spread + price
        came_from.append(int(costs.argmin()))
        cost.append(float(costs.min()))
    starts, end = [], size
    while end:
        end = came_from[end]
        starts.append(end)
    return starts[::-1]

"""What one side takes more than another: the difference of their means over blocks, which hold a process of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import mean

import msgspec
import numpy as np
from scipy.special import stdtrit

from bench.analysis.stats import LEVEL
from bench.model import Run


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds that one side takes more, and the ends of their 95 % interval; None with a single block.

    The interval is Student's, of the blocks' differences: a disturbance of a whole block affects both sides alike.
    """

    seconds: float
    low: float | None = None
    high: float | None = None


def added(above: Iterable[Run], below: Iterable[Run], metric: str) -> Added | None:
    """`metric` of one side minus that of the other, over the blocks that hold both; None without such a block."""
    values = {run.block: run.values(metric) for run in above}
    pairs = [(values.get(run.block, ()), run.values(metric)) for run in below]
    apart = np.array([mean(one) - mean(two) for one, two in pairs if one and two])
    if not len(apart):
        return None
    estimate = float(apart.mean())
    if len(apart) < 2:
        return Added(seconds=estimate)
    error = float(apart.std(ddof=1)) / math.sqrt(len(apart))
    reach = float(stdtrit(len(apart) - 1, (1 + LEVEL) / 2)) * error
    return Added(seconds=estimate, low=estimate - reach, high=estimate + reach)

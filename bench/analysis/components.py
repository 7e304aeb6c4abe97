"""Variance components of a table, levels × blocks: the effect of two crossed causes on a figure.

Each cell holds the logarithm of one process's time: level + block + error. Levels and blocks are random samples, so an
effect is a standard deviation, by the method of moments (Searle, Casella & McCulloch, "Variance Components", 1992,
ch. 4). The intervals are Tukey's and Williams's ("A confidence interval for variance components", Biometrika 49, 1962).
They hold at least 90 %, and nearly 95 % in practice (Wang, The American Statistician 44, 1990).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, fdtrc, fdtri

from bench.analysis.stats import LEVEL
from bench.model import Recorded

Table = NDArray[np.float64]
LOWER, UPPER = (1 - LEVEL) / 2, (1 + LEVEL) / 2


class Component(Recorded, frozen=True, kw_only=True):
    """A standard deviation of logarithms with its 95 % interval: 0.01 is 1 %.

    `chance` is the p-value, how often a cause without effect appears to have this effect or more; None for the error.
    """

    sd: float
    low: float
    high: float
    chance: float | None = None


class Components(msgspec.Struct, frozen=True):
    """The components of the levels, of the blocks, and of the processes (`error`)."""

    levels: Component
    blocks: Component
    error: Component


def components(table: Table) -> Components:
    """Estimate the components of a table without gaps, of at least two levels and two blocks."""
    levels, blocks = table.shape
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns + table.mean()
    freedom = (levels - 1) * (blocks - 1)
    error = float((rest**2).sum()) / freedom
    return Components(
        levels=_component(blocks * float(rows.var(ddof=1)), levels - 1, error, freedom, blocks),
        blocks=_component(levels * float(columns.var(ddof=1)), blocks - 1, error, freedom, levels),
        error=_error(error, freedom),
    )


def _component(square: float, own: int, error: float, freedom: int, each: int) -> Component:
    """The component of a cause with `own` degrees of freedom and `each` cells per level.

    `square` and `error` are the mean squares of the cause and of the error.
    """
    if not error:
        sd = math.sqrt(square / each)
        return Component(sd=sd, low=sd, high=sd, chance=float(not square))
    times = square / error
    low, high = (
        max(0.0, own * (square - float(fdtri(own, freedom, share)) * error) / (each * float(chdtri(own, 1 - share))))
        for share in (UPPER, LOWER)
    )
    return Component(
        sd=math.sqrt(max(0.0, square - error) / each),
        low=math.sqrt(low),
        high=math.sqrt(high),
        chance=float(fdtrc(own, freedom, times)),
    )


def _error(square: float, freedom: int) -> Component:
    low, high = (math.sqrt(freedom * square / float(chdtri(freedom, 1 - share))) for share in (UPPER, LOWER))
    return Component(sd=math.sqrt(square), low=low, high=high)

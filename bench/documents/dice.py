"""Seeded random choices that are the same on every Python.

They use only `Random(seed).random()`, the one sequence that Python guarantees, and arithmetic that IEEE 754 defines
exactly. Powers and logarithms are avoided, because their last bit depends on the C library.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Values with weights of any scale, in the given order."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self.values: tuple[T, ...] = tuple(weights)
        self.cumulative: tuple[float, ...] = tuple(accumulate(weights.values()))


class Popular(Weighted[T]):
    """Values with Zipf–Mandelbrot weights, 1 / (rank + `head`): few are frequent, most are rare."""

    def __init__(self, values: Iterable[T], head: int) -> None:
        self.values = tuple(values)
        self.cumulative = tuple(accumulate(1 / (rank + head) for rank in range(1, len(self.values) + 1)))


class Dice:
    """A seeded stream of choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, share: float) -> bool:
        """Return True with the probability `share`."""
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high` inclusive, uniformly distributed."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, values: Sequence[T]) -> T:
        """Return one of `values`, uniformly distributed."""
        return values[int(self._random() * len(values))]

    def weigh(self, weighted: Weighted[T]) -> T:
        """Return one of the values with a probability proportional to its weight."""
        cumulative = weighted.cumulative
        return weighted.values[bisect(cumulative, self._random() * cumulative[-1], hi=len(cumulative) - 1)]

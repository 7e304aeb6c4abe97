"""Choices that come out the same on every Python.

They use nothing of `random` but `Random(seed).random()`, the one sequence that the language promises to keep, and
arithmetic that IEEE 754 pins: no power or logarithm, whose last bit is the C library's affair.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Values with their weights, of any scale, in the order given."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self.values: tuple[T, ...] = tuple(weights)
        self.cumulative: tuple[float, ...] = tuple(accumulate(weights.values()))


class Popular(Weighted[T]):
    """Values with the weights of Zipf and Mandelbrot, 1 / (rank + `head`): a few often, most of them seldom."""

    def __init__(self, values: Iterable[T], head: int) -> None:
        self.values = tuple(values)
        self.cumulative = tuple(accumulate(1 / (rank + head) for rank in range(1, len(self.values) + 1)))


class Dice:
    """A seeded stream of choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, share: float) -> bool:
        """True in `share` of the calls, from 0 to 1."""
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included, each as likely."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, values: Sequence[T]) -> T:
        """One of `values`, each as likely."""
        return values[int(self._random() * len(values))]

    def weigh(self, weighted: Weighted[T]) -> T:
        """One of the values, as likely as its weight says."""
        cumulative = weighted.cumulative
        return weighted.values[bisect(cumulative, self._random() * cumulative[-1], hi=len(cumulative) - 1)]

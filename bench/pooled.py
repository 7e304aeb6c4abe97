"""One spread for all stacks of a workload: log cost = stack + block + error.

Two or three fresh servers of a stack say next to nothing of their spread: Student's t with one degree of freedom
multiplies by 12.7. The servers of all stacks together say it well. Errors have heavy tails (now and then a server is
a third dearer than its equals), so they are taken to follow Student's t with `TAIL` degrees of freedom, which gives an
outlier little weight, and one scale is estimated from all of them. How far estimates scatter in units of that scale is
simulated for the design at hand, with errors of the same law; the intervals come from there.

Lange, Little & Taylor, "Robust statistical modeling using the t distribution", JASA 84, 1989 (the fit, by EM);
Edwards & Hsu, "Multiple comparisons with the best treatment", JASA 78, 1983 (intervals to the unknown best).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.stats import LEVEL, Ratio

TAIL = 4.0  # degrees of freedom of an error: a customary choice; the kurtosis of 11 that was seen is that of 4.75
STEPS = 8  # of the fit: later ones change the third digit, and what is simulated takes as many
SIMULATIONS = 1_000
TAIL_LEVEL = 0.998  # where the tails of contrasts are compared: about what each of 47 takes of 5 %
FAR = 2.0  # times how far the least may be off, from which on no stack is looked at as the best
DISAGREE = 3.0  # residual standard deviations between servers of one stack
RIDGE = 1e-9  # blocks are known up to a constant

Table = NDArray[np.float64]
Present = tuple[tuple[bool, ...], ...]
S = TypeVar("S", bound=Hashable)


class Fit(NamedTuple):
    """Of each stack its log cost beside the blocks' effects, and the errors' scale; one fit for each leading index.

    Shapes: (…, stacks), (…, blocks), (…).
    """

    stacks: Table
    blocks: Table
    scale: Table


class Pooled(Generic[S]):
    """Stacks compared by cost, each by the costs of its fresh servers by block; one spread serves all comparisons.

    With `blocked`, what strikes a whole block cancels; without, there is no such thing as a block.
    """

    def __init__(self, costs: Mapping[S, Mapping[int, float]], *, blocked: bool = True) -> None:
        self.stacks = tuple(sorted(costs, key=str))  # what is simulated must not depend on the order
        blocks = sorted({block for own in costs.values() for block in own})
        self._logs = np.array(
            [[math.log(own[b]) if b in own else np.nan for b in blocks] for own in map(costs.__getitem__, self.stacks)]
        )
        self._present: Present = tuple(tuple(row) for row in (~np.isnan(self._logs)).tolist())
        self._blocked = blocked
        self._fit = _fitted(self._logs, blocked)
        self.freedom = _freedom(self._present, blocked)

    @property
    def sd(self) -> float | None:
        """The standard deviation of the error, as the law has it: 0.05 is 5 %; None where each stack had one server."""
        return float(self._fit.scale) * math.sqrt(TAIL / (TAIL - 2)) if self.freedom else None

    def cost(self, stack: S) -> float:
        """What a stack costs in a block of the mean effect."""
        return math.exp(self._effect(stack) + float(self._fit.blocks.mean()))

    def servers(self, stack: S) -> int:
        """How many fresh servers a stack had."""
        return sum(self._present[self.stacks.index(stack)])

    def ratio(self, above: S, below: S | None = None) -> Ratio:
        """The cost of one stack ÷ that of another, with an interval that holds by itself.

        Without another it is the cost itself: so ratios that were taken within blocks, not `blocked` any more, are
        pooled.
        """
        log = self._effect(above) - (self._effect(below) if below is not None else 0.0)
        if not self.freedom:
            return Ratio(estimate=math.exp(log))
        reach = float(self._reach(below)[self.stacks.index(above)])
        return self._ratio(log, log - reach, log + reach, reach)

    def to_the_best(self, among: Iterable[S] | None = None, level: float = LEVEL) -> dict[S, Ratio]:
        """Each stack's cost ÷ that of the least of them, whichever that is; in order of cost.

        The intervals hold all together. Each reaches over every stack that may be the least, and none begins below 1.
        The first's is of it and what may be less than it.
        """
        names = sorted(among or self.stacks, key=lambda name: (self._effect(name), str(name)))
        if not self.freedom or len(names) < 2:
            return {name: Ratio(estimate=math.exp(self._effect(name) - self._effect(names[0]))) for name in names}
        places = tuple(self.stacks.index(name) for name in names)
        effects = self._fit.stacks[list(places)]
        apart = effects[:, None] - effects  # of the row's stack to the column's
        family, alone = tuple(sorted(places)), self._reach(names[0])
        reach: dict[int, Table] = {}
        for best, place in enumerate(places):
            if best and apart[best, 0] > FAR * reach[0][best]:
                break  # nor may any be the best that is dearer still
            together = _together(self._present, self._blocked, place, family, level)
            reach[best] = together[list(places)] * float(self._fit.scale)
        possible = [best for best, far in reach.items() if (apart[:, best] + far >= 0).all()]  # nobody is surely less
        found = {}
        for row, name in enumerate(names):
            ends = [(apart[row, best], reach[best][row]) for best in possible if best != row]
            low = 0.0 if row in possible else max(0.0, min(log - far for log, far in ends))
            high = max((log + far for log, far in ends), default=0.0)
            found[name] = self._ratio(float(apart[row, 0]), low, max(high, 0.0), float(alone[places[row]]))
        return found

    def disagreeing(self) -> tuple[S, ...]:
        """The stacks of which one server lies more than `DISAGREE` residual standard deviations from its equals."""
        left = np.sort(self._logs - self._fit.blocks, axis=1)  # the missing ones come last
        counts = (~np.isnan(left)).sum(axis=1)
        middle = left[np.arange(len(left)), (counts - 1) // 2]
        far = np.nanmax(np.abs(left - middle[:, None]), axis=1) > DISAGREE * (self.sd or np.inf)
        return tuple(stack for stack, is_far in zip(self.stacks, far, strict=True) if is_far)

    def _reach(self, stack: S | None) -> Table:
        """How far from the truth its contrast with each other stack may lie, in logarithms, one by one."""
        place = None if stack is None else self.stacks.index(stack)
        reach: Table = _alone(self._present, self._blocked, place) * float(self._fit.scale)
        return reach

    def _effect(self, stack: S) -> float:
        return float(self._fit.stacks[self.stacks.index(stack)])

    def _ratio(self, log: float, low: float, high: float, reach: float) -> Ratio:
        """A ratio from logarithms: its own, and those of its ends; by its standard error Student's t reaches as far."""
        error = reach / float(stdtrit(self.freedom, (1 + LEVEL) / 2))
        return Ratio(
            estimate=math.exp(log), low=math.exp(low), high=math.exp(high), error=error, freedom=float(self.freedom)
        )


def _fitted(logs: Table, blocked: bool) -> Fit:
    """Fit tables of log costs, stacks × blocks in the last two axes; what is missing is NaN.

    By EM: residuals weigh less the further out they lie, and the scale follows from what they weigh.
    """
    present = ~np.isnan(logs)
    known = np.where(present, logs, 0.0)
    freedom = max(_freedom(tuple(tuple(row) for row in present.reshape(-1, *logs.shape[-2:])[0].tolist()), blocked), 1)
    weights = present.astype(float)
    for _ in range(STEPS):
        fit = _weighted(known, weights, blocked)
        left = np.where(present, known - fit[0][..., :, None] - fit[1][..., None, :], 0.0)
        scale = np.sqrt((weights * left**2).sum(axis=(-2, -1)) / freedom)
        size = np.maximum(scale, np.finfo(float).tiny)[..., None, None]
        weights = np.where(present, (TAIL + 1) / (TAIL + (left / size) ** 2), 0.0)
    return Fit(*fit, scale)


def _weighted(known: Table, weights: Table, blocked: bool) -> tuple[Table, Table]:
    """Weighted least squares: the stacks are eliminated, as there are few blocks beside them."""
    whole = weights.sum(axis=-1)
    means = (weights * known).sum(axis=-1) / whole
    if not blocked:
        return means, np.zeros((*known.shape[:-2], known.shape[-1]))
    share = weights / whole[..., None]
    normal = -np.swapaxes(weights, -1, -2) @ share
    diagonal = np.arange(known.shape[-1])
    normal[..., diagonal, diagonal] += weights.sum(axis=-2) + RIDGE
    right = (weights * (known - means[..., None])).sum(axis=-2)
    blocks = np.linalg.solve(normal, right[..., None])[..., 0]
    return means - (share * blocks[..., None, :]).sum(axis=-1), blocks


@lru_cache(maxsize=128)
def _freedom(present: Present, blocked: bool) -> int:
    """Servers less what is estimated from them: stacks, and blocks but one in each set of blocks that share stacks."""
    mask = np.array(present)
    stacks, blocks = mask.shape
    columns = [np.repeat(np.eye(stacks), blocks, axis=0)]
    columns += [np.tile(np.eye(blocks), (stacks, 1))] if blocked else []
    design = np.hstack(columns)[mask.ravel()]
    return len(design) - int(np.linalg.matrix_rank(design))


@lru_cache(maxsize=128)
def _simulated(present: Present, blocked: bool) -> Fit:
    """Fits of a design's tables where all stacks and blocks are equal, so that what is found is error alone."""
    mask = np.array(present)
    errors = np.random.default_rng(1).standard_t(TAIL, (SIMULATIONS, *mask.shape))
    return _fitted(np.where(mask, errors, np.nan), blocked)


@lru_cache(maxsize=128)
def _alone(present: Present, blocked: bool, stack: int | None) -> Table:
    """By stack, how far its contrast with `stack` is off in 95 of 100 tables of that design, in units of the scale."""
    reach: Table = np.quantile(np.abs(_contrasts(present, blocked, stack)), LEVEL, axis=0)
    return reach


@lru_cache(maxsize=128)
def _together(present: Present, blocked: bool, stack: int, among: tuple[int, ...], level: float) -> Table:
    """The same where the contrasts with all those `among` hold at once in a share of `level`; 0 for the others.

    Each takes an equal part of the risk: a stack of two servers has a longer tail than one of ten, and would else widen
    the intervals of all.
    """
    others = [place for place in among if place != stack]
    contrasts = np.abs(_contrasts(present, blocked, stack))[:, others]
    size = np.empty(len(others))
    rows = [present[place] for place in others]
    for row in set(rows):  # stacks with servers in the same blocks scatter alike
        alike = [place for place, other in enumerate(rows) if other == row]
        size[alike] = np.quantile(contrasts[:, alike], TAIL_LEVEL)
    reach = np.zeros(len(present))
    reach[others] = size * np.quantile((contrasts / size).max(axis=1), level)
    return reach


def _contrasts(present: Present, blocked: bool, stack: int | None) -> Table:
    drawn = _simulated(present, blocked)
    other = 0.0 if stack is None else drawn.stacks[:, [stack]]
    contrasts: Table = (drawn.stacks - other) / drawn.scale[:, None]
    return contrasts

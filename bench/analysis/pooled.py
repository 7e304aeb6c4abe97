"""One spread for all stacks of a workload: log cost = stack + block + error.

Two or three fresh servers of one stack hardly determine their spread: with one degree of freedom, Student's t
multiplies the standard error by 12.7. The servers of all stacks together determine it well. Errors have heavy tails:
now and then a server costs a third more than others of its stack. So the model takes Student's t with `TAIL` degrees
of freedom, which gives an outlier little weight, and estimates one scale from all errors. Simulations of the design at
hand, with errors of the same distribution, give the spread of the estimates in units of that scale, and the intervals.

Lange, Little & Taylor, "Robust statistical modeling using the t distribution", JASA 84, 1989 (the fit, by EM);
Edwards & Hsu, "Multiple comparisons with the best treatment", JASA 78, 1983 (intervals to the unknown best).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.analysis.stats import LEVEL, Ratio

TAIL = 4.0  # degrees of freedom of an error: a customary choice; the observed kurtosis of 11 is that of 4.75
STEPS = 8  # of the fit: further steps change the third digit, and the simulations take as many
SIMULATIONS = 1_000
TAIL_LEVEL = 0.998  # where the tails of contrasts are compared: each of 47 contrasts takes about that part of 5 %
FAR = 2.0  # a stack further from the cheapest than this multiple of its reach cannot be the best
DISAGREE = 3.0  # residual standard deviations between servers of one stack
RIDGE = 1e-9  # block effects are known up to a constant

Table = NDArray[np.float64]
Present = tuple[tuple[bool, ...], ...]
S = TypeVar("S", bound=Hashable)


class Fit(NamedTuple):
    """Log costs of the stacks, effects of the blocks, and the scale of the errors; one fit for each leading index.

    Shapes: (…, stacks), (…, blocks), (…).
    """

    stacks: Table
    blocks: Table
    scale: Table


class Pooled(Generic[S]):
    """A fit of stacks' costs, given by stack and block, a fresh server each; one spread serves all comparisons.

    With `blocked`, a disturbance of a whole block cancels. Without, blocks have no effect.
    """

    def __init__(self, costs: Mapping[S, Mapping[int, float]], *, blocked: bool = True) -> None:
        self.stacks = tuple(sorted(costs, key=str))  # simulations must not depend on the order
        self._blocks = sorted({block for own in costs.values() for block in own})
        rows = [[costs[stack].get(block, np.nan) for block in self._blocks] for stack in self.stacks]
        self._logs = np.log(np.array(rows))
        self._present: Present = tuple(tuple(row) for row in (~np.isnan(self._logs)).tolist())
        self._blocked = blocked
        self._fit = _fitted(self._logs, blocked)
        self.freedom = _freedom(self._present, blocked)

    @property
    def sd(self) -> float | None:
        """The standard deviation of the fitted error: 0.05 is 5 %; None where each stack had one server."""
        return float(self._fit.scale) * math.sqrt(TAIL / (TAIL - 2)) if self.freedom else None

    def cost(self, stack: S) -> float:
        """The cost of a stack in a block of mean effect."""
        return math.exp(self._effect(stack) + float(self._fit.blocks.mean()))

    def servers(self, stack: S) -> int:
        """The number of fresh servers of a stack."""
        return sum(self._present[self.stacks.index(stack)])

    def ratio(self, above: S, below: S | None = None) -> Ratio:
        """The cost of one stack ÷ that of another, with its own 95 % interval.

        Without `below` it is the cost itself. That pools ratios that were taken within blocks, with `blocked` off.
        """
        log = self._effect(above) - (self._effect(below) if below is not None else 0.0)
        if not self.freedom:
            return Ratio(estimate=math.exp(log))
        reach, far = self._reaches(above, below)
        return _ratio(log, (log - reach, log + reach), reach, far)

    def to_the_best(self, among: Iterable[S] | None = None, level: float = LEVEL) -> dict[S, Ratio]:
        """Each stack's cost ÷ that of the cheapest, whichever that is; in order of cost.

        The intervals hold simultaneously. Each covers every stack that may be the cheapest, and none begins below 1.
        The first stack's interval is relative to the others that may be the cheapest.
        """
        names = sorted(among or self.stacks, key=lambda name: (self._effect(name), str(name)))
        if not self.freedom or len(names) < 2:
            return {name: Ratio(estimate=math.exp(self._effect(name) - self._effect(names[0]))) for name in names}
        places = tuple(self.stacks.index(name) for name in names)
        effects = self._fit.stacks[list(places)]
        apart = effects[:, None] - effects  # row's stack less column's
        family = tuple(sorted(places))
        reach: dict[int, Table] = {}
        for best, place in enumerate(places):
            if best and apart[best, 0] > FAR * reach[0][best]:
                continue
            together = _together(self._present, self._blocked, place, family, level)
            reach[best] = together[list(places)] * float(self._fit.scale)
        # A stack may be the best where no other one is surely cheaper.
        possible = [best for best, far in reach.items() if (apart[:, best] + far >= 0).all()] or [0]
        found = {}
        for row, name in enumerate(names):
            ends = [(apart[row, best], reach[best][row]) for best in possible if best != row]
            low = 0.0 if row in possible else max(0.0, min(log - far for log, far in ends))
            high = max((log + far for log, far in ends), default=0.0)
            found[name] = _ratio(float(apart[row, 0]), (low, max(high, 0.0)), *self._reaches(name, names[0]))
        return found

    def disagreeing(self) -> dict[S, int]:
        """The stacks with a server more than `DISAGREE` residual standard deviations from the others.

        By stack, the block of that server; of two servers, the more expensive one.
        """
        left = self._logs - self._fit.blocks
        counts = (~np.isnan(left)).sum(axis=1)
        middle = np.sort(left, axis=1)[np.arange(len(left)), (counts - 1) // 2]  # NaN sorts last
        away = np.nan_to_num(np.abs(left - middle[:, None]))
        far = away.max(axis=1) > DISAGREE * (self.sd or np.inf)
        return {self.stacks[row]: self._blocks[int(away[row].argmax())] for row in np.flatnonzero(far)}

    def _reaches(self, above: S, below: S | None) -> tuple[float, float]:
        """The error of their contrast in logarithms: its limits in 95 % of cases, and in `TAIL_LEVEL` of cases."""
        base = None if below is None else self.stacks.index(below)
        place, scale = self.stacks.index(above), float(self._fit.scale)
        near, far = (_alone(self._present, self._blocked, base, level)[place] for level in (LEVEL, TAIL_LEVEL))
        return float(near) * scale, float(far) * scale

    def _effect(self, stack: S) -> float:
        return float(self._fit.stacks[self.stacks.index(stack)])


def _ratio(log: float, ends: tuple[float, float], reach: float, far: float) -> Ratio:
    """A ratio from logarithms, with the standard error and degrees of freedom of a Student's t with the same tail.

    Both have the same limits in 95 % and in `TAIL_LEVEL` of cases: families of comparisons read the tail that far out.
    """
    freedom = float(np.interp(-far / reach if reach else 0.0, *_tails()))
    error = reach / float(stdtrit(freedom, (1 + LEVEL) / 2))
    low, high = map(math.exp, ends)
    return Ratio(estimate=math.exp(log), low=low, high=high, error=error, freedom=freedom)


@lru_cache(maxsize=1)
def _tails() -> tuple[Table, Table]:
    """Minus the ratio of Student's t quantiles at `TAIL_LEVEL` and 95 %, and the degrees of freedom; both ascending."""
    freedoms = np.geomspace(1, 1000, 200)
    far, near = (stdtrit(freedoms, (1 + level) / 2) for level in (TAIL_LEVEL, LEVEL))
    return -far / near, freedoms


def _fitted(logs: Table, blocked: bool) -> Fit:
    """Fit tables of log costs, stacks × blocks in the last two axes; missing cells are NaN.

    By EM: a residual's weight falls with its size, and the scale follows from the weights.
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
    """Weighted least squares. The stacks are eliminated from the normal equations, as there are few blocks."""
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
    """Degrees of freedom: servers less the independent effects of stacks and blocks, the rank of the design."""
    mask = np.array(present)
    stacks, blocks = mask.shape
    columns = [np.repeat(np.eye(stacks), blocks, axis=0)]
    columns += [np.tile(np.eye(blocks), (stacks, 1))] if blocked else []
    design = np.hstack(columns)[mask.ravel()]
    return len(design) - int(np.linalg.matrix_rank(design))


@lru_cache(maxsize=128)
def _simulated(present: Present, blocked: bool) -> Fit:
    """Fits of simulated tables of a design in which all stacks and blocks are equal: pure error."""
    mask = np.array(present)
    errors = np.random.default_rng(1).standard_t(TAIL, (SIMULATIONS, *mask.shape))
    return _fitted(np.where(mask, errors, np.nan), blocked)


@lru_cache(maxsize=256)
def _alone(present: Present, blocked: bool, stack: int | None, level: float) -> Table:
    """By stack, the limit of the error of its contrast with `stack` in a share `level` of tables, in units of scale."""
    rows = [() if place == stack else row for place, row in enumerate(present)]  # its contrast with itself is 0
    return _quantiles(np.abs(_contrasts(present, blocked, stack)), rows, level)


@lru_cache(maxsize=128)
def _together(present: Present, blocked: bool, stack: int, among: tuple[int, ...], level: float) -> Table:
    """The same limits for all contrasts with stacks `among` at once, in a share `level` of tables; 0 for the others.

    Each contrast takes an equal part of the risk. Otherwise a stack of two servers, whose tail is longer than that of
    a stack of ten, would widen all intervals.
    """
    others = [place for place in among if place != stack]
    contrasts = np.abs(_contrasts(present, blocked, stack))[:, others]
    size = _quantiles(contrasts, [present[place] for place in others], TAIL_LEVEL)
    reach = np.zeros(len(present))
    reach[others] = size * np.quantile((contrasts / size).max(axis=1), level)
    return reach


def _quantiles(drawn: Table, rows: Sequence[tuple[bool, ...]], level: float) -> Table:
    """A quantile of each column. Stacks with servers in the same blocks share one, as their errors are alike."""
    found = np.empty(len(rows))
    for row in set(rows):
        alike = [place for place, other in enumerate(rows) if other == row]
        found[alike] = np.quantile(drawn[:, alike], level)
    return found


def _contrasts(present: Present, blocked: bool, stack: int | None) -> Table:
    drawn = _simulated(present, blocked)
    other = 0.0 if stack is None else drawn.stacks[:, [stack]]
    contrasts: Table = (drawn.stacks - other) / drawn.scale[:, None]
    return contrasts

"""The record of a race, which cuts a study to a budget, and of servers that were measured again."""

from __future__ import annotations

from bench.model.base import RankedBy, Recorded
from bench.model.stack import Stack


class Eliminated(Recorded, frozen=True, kw_only=True):
    """A stack that a race eliminated or left out on a workload, with the reason; it ran under the brief `load`.

    It took `times` the server CPU per request of `best` or, where `by` is rate, `times` the time between answers;
    `low` … `high` is the 95 % interval, over `servers` fresh servers each. All are absent after a failed run.
    `worse`: the stack was significantly worse. Otherwise the budget had no room for it.
    """

    stack: Stack
    workload: str
    load: str
    reason: str
    best: Stack | None = None
    by: RankedBy = "cpu"
    times: float | None = None
    low: float | None = None
    high: float | None = None
    servers: int | None = None
    worse: bool = False


class Round(Recorded, frozen=True, kw_only=True):
    """A round of a race: its numbers of candidates and blocks, its seconds, and the stacks that it eliminated."""

    candidates: int
    blocks: int
    seconds: float
    eliminated: tuple[Eliminated, ...] = ()


class Race(Recorded, frozen=True, kw_only=True):
    """How a study was cut to a budget: the rounds so far, and the stacks that the budget `left_out` after them.

    A candidate is a stack on a workload. `finalists` counts the candidates that are measured in full; absent until the
    rounds are over. `runs` is the number of runs of each, where the budget has no room for the study's own number.
    """

    budget_seconds: float
    rounds: tuple[Round, ...] = ()
    left_out: tuple[Eliminated, ...] = ()
    finalists: int | None = None
    runs: int | None = None

    @property
    def eliminated(self) -> tuple[Eliminated, ...]:
        """All eliminated and left-out stacks, those of the first round first."""
        return tuple(each for round_ in self.rounds for each in round_.eliminated) + self.left_out


class Again(Recorded, frozen=True):
    """A stack whose servers disagreed under a load, so that `block` measured one more fresh server."""

    stack: Stack
    workload: str
    load: str
    block: int

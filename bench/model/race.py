"""How a race cut a study to a budget, and which servers were measured again."""

from __future__ import annotations

from bench.model.base import RankedBy, Recorded
from bench.model.case import Stack


class Eliminated(Recorded, frozen=True, kw_only=True):
    """A stack that a race measures no further on a workload, and why; it was raced under the brief `load`.

    It took `times` as much server CPU per request as `best`, or `by` rate time between answers, with the 95 % interval
    `low` … `high`, over so many fresh `servers` each; absent where a run of it failed. `worse` says that this is beyond
    chance; else the budget had no room for it.
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
    """A round of a race: how many candidates ran in so many blocks, the seconds that took, and whom it dropped."""

    candidates: int
    blocks: int
    seconds: float
    eliminated: tuple[Eliminated, ...] = ()


class Race(Recorded, frozen=True, kw_only=True):
    """How a study was cut to a budget: the rounds so far, and whom the budget `left_out` after them.

    A candidate is a stack on a workload; `finalists` counts those that are measured as the study says, absent until
    that is settled, by so many `runs` each where the budget has no room for the study's.
    """

    budget_seconds: float
    rounds: tuple[Round, ...] = ()
    left_out: tuple[Eliminated, ...] = ()
    finalists: int | None = None
    runs: int | None = None

    @property
    def eliminated(self) -> tuple[Eliminated, ...]:
        """All that are out, those of the first round first."""
        return tuple(each for round_ in self.rounds for each in round_.eliminated) + self.left_out


class Again(Recorded, frozen=True):
    """A stack of which one server lay far from its equals under a load, so that it got another one, in that block."""

    stack: Stack
    workload: str
    load: str
    block: int

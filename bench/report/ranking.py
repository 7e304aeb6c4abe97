"""The stacks of a workload in order, those that a race dropped among them, each by how far it is behind the best.

A ratio is to the best under the same load: for what was dropped, under the brief one of the race's rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench import catalog
from bench.durations import written
from bench.model import Dropped, Race, RankedBy, Run, Stack, stack_of
from bench.report.comparison import Comparison
from bench.report.evidence import Evidence, Figure, capacity, mean
from bench.standings import standings
from bench.stats import Ratio


class Figures(msgspec.Struct, frozen=True):
    """Seconds of server CPU per request, and answers per second, absent where the generator was the limit."""

    cpu: Figure
    rate: Figure


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A stack where it stands, by so many fresh `servers` under `load`: `behind` is its cost ÷ that of the best.

    The cost is server CPU per request, or the time between answers of what is behind `by` rate.

    What a race dropped has the `reason`, and the round `after` which; whom the budget left out has no such round.
    """

    stack: Stack
    load: str
    figures: Figures
    servers: int
    by: RankedBy
    behind: Comparison
    after: int | None = None
    reason: str | None = None

    @property
    def level(self) -> bool:
        """Whether it is the best, or not significantly behind it."""
        return not self.behind.claimed


def ranking(evidence: Evidence, runs: Iterable[Run], load: str | None, race: Race | None) -> tuple[Ranked, ...]:
    """Every stack of a workload that has figures, the best first; `load` is what those come from that went on."""
    closed = [run for run in runs if run.case.workload == evidence.workload and _is_closed(run)]
    counted = [run for run in closed if not evidence.trouble(stack_of(run.case))]
    own = [run for run in counted if run.case.load == load]
    found = []
    floor = evidence.floor("macro")
    for each in standings(own, max(race.near, floor) if race else floor):
        figures = _figures(each.stack, own, evidence.null(load))
        found.append(
            Ranked(
                load=load or "", stack=each.stack, servers=each.servers, by=each.by, behind=each.behind, figures=figures
            )
        )
    for after, dropped in _ends(race) if race else ():
        for one in dropped:
            if one.workload == evidence.workload and one.times is not None:
                under = [run for run in counted if run.case.load == one.load]
                figures = _figures(one.stack, under, evidence.null(one.load))
                found.append(_dropped(one, after, figures, race.near if race else 0.0))
    return tuple(sorted(found, key=_distance))


def words(race: Race) -> str:
    """What a race did to the study, in a sentence."""
    worse, late = (sum(each.worse is how for each in race.dropped) for how in (True, False))
    rounds = f"{len(race.rounds)} round{'s' * (len(race.rounds) > 1)}"
    entered = race.rounds[0].candidates if race.rounds else 0
    told = (
        f"Raced to keep to a budget of {written(race.budget_seconds)}: of {entered} candidates (a stack on a workload) "
    )
    told += f"{worse} were dropped in {rounds} as worse than the best beyond chance"
    told += f", {late} were left out for a failure or for want of time" if late else ""
    return told + (
        f"; {race.finalists} were measured to the end." if race.finalists is not None else "; it is not over yet."
    )


def ranked_by(workload: str) -> str:
    """What stacks are ranked by, in words."""
    declared = catalog.workloads().get(workload)
    return (
        "answers per second, then server CPU,"
        if declared and declared.ranked_by == "rate"
        else "server CPU per request"
    )


def _is_closed(run: Run) -> bool:
    return run.case.instrument == "macro" and run.case.rate is None and run.case.is_plain


def _figures(stack: Stack, runs: Sequence[Run], null: float | None) -> Figures:
    own = [run for run in runs if run.case.stack == stack]
    return Figures(mean(own, "cpu", "not measured"), capacity(own, null, "not measured"))


def _ends(race: Race) -> list[tuple[int | None, tuple[Dropped, ...]]]:
    """Who is out, and after which round."""
    return [*enumerate((ended.dropped for ended in race.rounds), 1), (None, race.left_out)]


def _distance(each: Ranked) -> tuple[bool, float]:
    """Who is slower comes after who spends more."""
    return each.by == "rate", each.behind.ratio.estimate if each.behind.ratio else 0.0


def _dropped(each: Dropped, after: int | None, figures: Figures, near: float) -> Ranked:
    ratio = Ratio(estimate=each.times or 0.0, low=each.low, high=each.high)
    return Ranked(
        stack=each.stack,
        load=each.load,
        figures=figures,
        servers=each.servers or 0,
        by=each.by,
        behind=Comparison(ratio=ratio, floor=near, claimed=each.worse),
        after=after,
        reason=each.reason,
    )

"""The stacks of a workload in order, each by how far it is behind the best under one load.

A ranking never mixes loads. Where a race's rounds ran under a brief load of their own, what they said is a ranking of
its own beside that of the finalists.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bench.analysis.comparison import Comparison
from bench.analysis.standings import standings
from bench.analysis.text import listed
from bench.durations import written
from bench.model import Race, RankedBy, Run, Session, Stack, Workload, stack_of
from bench.report.estimates import Figure, capacity
from bench.report.evidence import Evidence


class Figures(msgspec.Struct, frozen=True):
    """Seconds of server CPU per request, and answers per second, absent where the generator was the limit."""

    cpu: Figure
    rate: Figure


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A stack where it stands, by so many fresh `servers` under `load`: `behind` is its cost ÷ that of the best.

    The cost is server CPU per request, or the time between answers of what is behind `by` rate.

    What a race eliminated has the `reason`, and the round `after` which; what the budget left out has no such round.
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
    def cost(self) -> float | None:
        """What it is ranked by, in seconds; None where the generator was the limit."""
        if self.by == "cpu":
            return self.figures.cpu.value
        return 1 / self.figures.rate.value if self.figures.rate.value else None


def ranking(evidence: Evidence, runs: Iterable[Run], load: str | None, race: Race | None) -> tuple[Ranked, ...]:
    """Every stack of a workload that has figures under the closed `load`, the best first."""
    closed = [run for run in runs if run.case.workload == evidence.workload and _is_closed(run)]
    own = [run for run in closed if run.case.load == load and not evidence.trouble(stack_of(run.case))]
    out = dict(_eliminated(race, evidence.workload)) if race else {}
    found = []
    for each in standings(evidence.catalog, own, floor=evidence.floor("macro")):
        after, reason = out.get(each.stack, (None, None))
        rate = capacity([run for run in own if run.case.stack == each.stack], evidence.null(load), "not measured")
        found.append(
            Ranked(
                stack=each.stack,
                load=load or "",
                figures=Figures(Figure(value=each.seconds), rate),
                servers=each.servers,
                by=each.by,
                behind=each.behind,
                after=after,
                reason=reason,
            )
        )
    return tuple(found)


def brief_load(session: Session, load: str | None) -> str | None:
    """The load of a race's rounds, where it is another one than the study's own."""
    known = session.plan.catalog.loads.get(load or "")
    return known.brief if session.race and known and known.brief != load else None


def words(race: Race) -> str:
    """What a race did to the study, in a sentence."""
    worse, late = (sum(each.worse is how for each in race.eliminated) for how in (True, False))
    rounds = f"{len(race.rounds)} round{'s' * (len(race.rounds) > 1)}"
    entered = race.rounds[0].candidates if race.rounds else 0
    told = f"Raced within {written(race.budget_seconds)}: {entered} candidates (a stack on a workload) entered; "
    told += f"{worse} were eliminated in {rounds} as significantly worse than the best"
    told += f", {late} failed or had no room in the budget" if late else ""
    end = "it is not over yet" if race.finalists is None else f"{race.finalists} went on to the final"
    return f"{told}; {end}."


def again(session: Session, workload: str) -> str:
    """Which stacks got another server on a workload, in a sentence; nothing where none did."""
    stacks = [str(each.stack) for each in session.again if each.workload == workload]
    if not stacks:
        return ""
    each = "each got an extra server" if len(stacks) > 1 else "it got an extra server"
    return f"Servers of {listed(stacks)} differed by more than 3 residual standard deviations: {each}."


def ranked_by(workload: Workload) -> str:
    """What stacks are ranked by, in words."""
    return "answers per second, then server CPU," if workload.ranked_by == "rate" else "server CPU per request"


def _is_closed(run: Run) -> bool:
    return run.case.instrument == "macro" and not run.case.is_open and run.case.is_plain


def _eliminated(race: Race, workload: str) -> Iterable[tuple[Stack, tuple[int | None, str]]]:
    """What the race eliminated or left out on a workload, after which round and why."""
    ends = [*enumerate((ended.eliminated for ended in race.rounds), 1), (None, race.left_out)]
    return (
        (each.stack, (after, each.reason)) for after, dropped in ends for each in dropped if each.workload == workload
    )

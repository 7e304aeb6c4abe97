"""The ranking of a workload's stacks under one load, each relative to the best.

A ranking never mixes loads. Where a race's rounds ran under a brief load, they have a ranking of their own beside that
of the finalists.
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
    """Seconds of server CPU per request, and answers per second; absent where the generator was the limit."""

    cpu: Figure
    rate: Figure


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A stack in a ranking, from `servers` fresh servers under `load`: `behind` is its cost ÷ that of the best.

    The cost is server CPU per request, or the time between answers if ranked `by` rate. A stack eliminated in a race
    has the `reason` and the round `after` which; a stack left out for want of budget has no round.
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
        """The cost by which it is ranked, in seconds; None where the generator was the limit."""
        return self.cost_by(self.by)

    def cost_by(self, by: RankedBy) -> float | None:
        """Seconds of server CPU per request, or between answers."""
        if by == "cpu":
            return self.figures.cpu.value
        return 1 / self.figures.rate.value if self.figures.rate.value else None


def ranking(evidence: Evidence, runs: Iterable[Run], load: str | None, race: Race | None) -> tuple[Ranked, ...]:
    """Every stack with figures under the closed `load`, the best first."""
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
    """The load of a race's rounds, if it is not the study's own."""
    known = session.plan.catalog.loads.get(load or "")
    return known.brief if session.race and known and known.brief != load else None


def race_sentences(race: Race) -> str:
    """The budget of a race, its candidates, eliminations and finalists."""
    worse, late = (sum(each.worse is how for each in race.eliminated) for how in (True, False))
    rounds = f"{len(race.rounds)} round{'s' * (len(race.rounds) > 1)}"
    entered = race.rounds[0].candidates if race.rounds else 0
    told = f"Race with a budget of {written(race.budget_seconds)}: {entered} candidates (a stack on a workload). "
    told += f"Eliminated in {rounds} as significantly worse than the best: {worse}. "
    told += f"Failed or left out (no room in the budget): {late}. " if late else ""
    return told + ("The race has not ended." if race.finalists is None else f"Finalists: {race.finalists}.")


def extra_servers(session: Session, workload: str) -> str:
    """The stacks that got an extra server on a workload; empty without any."""
    stacks = [str(each.stack) for each in session.again if each.workload == workload]
    lead = "Extra server, as servers differed by more than 3 residual standard deviations"
    return f"{lead}: {listed(stacks)}." if stacks else ""


def ranked_by(workload: Workload) -> str:
    """The figure by which stacks are ranked."""
    return "answers per second, then server CPU" if workload.ranked_by == "rate" else "server CPU per request"


def _is_closed(run: Run) -> bool:
    return run.case.instrument == "macro" and not run.case.is_open and run.case.is_plain


def _eliminated(race: Race, workload: str) -> Iterable[tuple[Stack, tuple[int | None, str]]]:
    """The stacks that a race eliminated or left out on a workload, each with the round and the reason."""
    ends = [*enumerate((ended.eliminated for ended in race.rounds), 1), (None, race.left_out)]
    return ((each.stack, (after, each.reason)) for after, out in ends for each in out if each.workload == workload)

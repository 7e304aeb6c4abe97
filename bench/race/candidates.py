"""Who takes part in a race, and how one is told that is out of it."""

from __future__ import annotations

from typing import NamedTuple

from bench.analysis.standings import Standing, told
from bench.model import Case, Catalog, Dropped, MacroCase, Run, Stack


class Candidate(NamedTuple):
    """A stack on a workload under a brief load."""

    stack: Stack
    workload: str
    load: str

    def warms_up(self, catalog: Catalog) -> bool:
        """Whether it compiles while it runs: the seconds that warm it may leave it short of its best."""
        return not self.stack.is_peer and catalog.interpreter_of(self.stack.variant).implementation == "pypy"


def candidate(catalog: Catalog, case: Case) -> Candidate:
    """What a case is in a race, be its load the study's own or the brief one."""
    if not isinstance(case, MacroCase):
        raise ValueError(f"{case.label}: it is under no load")
    return Candidate(case.stack, case.workload, catalog.loads[case.load].brief or case.load)


def of(dropped: Dropped) -> Candidate:
    """Who was dropped."""
    return Candidate(dropped.stack, dropped.workload, dropped.load)


def failed(each: Candidate, run: Run) -> Dropped:
    """A candidate dropped for a run that failed, be it on another workload."""
    reason = f"failed on {run.case.workload}: {run.told}"
    return Dropped(stack=each.stack, workload=each.workload, load=each.load, reason=reason)


def behind(each: Candidate, standing: Standing, *, when: str, worse: bool = False) -> Dropped:
    """A candidate dropped for where it stands: `worse` than the best, or without room in the budget."""
    ratio = standing.behind.ratio
    return Dropped(
        stack=each.stack,
        workload=each.workload,
        load=each.load,
        reason=f"{told(standing)}, by {standing.servers} fresh servers each, {when}",
        best=standing.best,
        by=standing.by,
        times=ratio.estimate if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        servers=standing.servers,
        worse=worse,
    )

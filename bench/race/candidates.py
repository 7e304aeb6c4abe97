"""Who takes part in a race, and how one is told that is out of it."""

from __future__ import annotations

from typing import NamedTuple

from bench.analysis.standings import Standing, told
from bench.model import Case, Catalog, Eliminated, MacroCase, Run, Stack


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


def of(eliminated: Eliminated) -> Candidate:
    """Who was eliminated."""
    return Candidate(eliminated.stack, eliminated.workload, eliminated.load)


def failed(each: Candidate, run: Run) -> Eliminated:
    """A candidate dropped for a run that failed, be it on another workload."""
    reason = f"failed on {run.case.workload}: {run.told}"
    return Eliminated(stack=each.stack, workload=each.workload, load=each.load, reason=reason)


def behind(each: Candidate, standing: Standing, *, when: str, worse: bool = False) -> Eliminated:
    """A candidate dropped for where it stands: `worse` than the best, or without room in the budget."""
    ratio = standing.behind.ratio
    return Eliminated(
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

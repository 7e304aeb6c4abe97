"""The candidates of a race, and the records of their elimination."""

from __future__ import annotations

from typing import NamedTuple

from bench.analysis.standings import Standing, relative_cost
from bench.model import Case, Catalog, Eliminated, MacroCase, Run, Stack


class Candidate(NamedTuple):
    """A stack on a workload under a brief load."""

    stack: Stack
    workload: str
    load: str

    def warms_up(self, catalog: Catalog) -> bool:
        """Whether it has a compiler at run time: the brief lead-in may end before its steady state."""
        return not self.stack.is_peer and catalog.interpreter_of(self.stack.variant).implementation == "pypy"


def candidate(catalog: Catalog, case: Case) -> Candidate:
    """The candidate of a case, under the study's own load or under the brief one."""
    if not isinstance(case, MacroCase):
        raise ValueError(f"{case.label}: not a case under load")
    return Candidate(case.stack, case.workload, catalog.loads[case.load].brief or case.load)


def candidate_of(eliminated: Eliminated) -> Candidate:
    """The candidate that was eliminated."""
    return Candidate(eliminated.stack, eliminated.workload, eliminated.load)


def eliminated_by_failure(each: Candidate, run: Run) -> Eliminated:
    """The elimination of a candidate for a failed run of its stack, on any workload."""
    reason = f"failed on {run.case.workload}: {run.told}"
    return Eliminated(stack=each.stack, workload=each.workload, load=each.load, reason=reason)


def eliminated_by_rank(each: Candidate, standing: Standing, *, when: str, worse: bool = False) -> Eliminated:
    """The elimination of a candidate that is significantly `worse` than the best, or has no room in the budget."""
    ratio = standing.behind.ratio
    return Eliminated(
        stack=each.stack,
        workload=each.workload,
        load=each.load,
        reason=f"{relative_cost(standing)}, {standing.servers} fresh servers, {when}",
        best=standing.best,
        by=standing.by,
        times=ratio.estimate if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        servers=standing.servers,
        worse=worse,
    )

"""Simulated races of the study `servers` with the observed noise: `python -m tests.simulated_races [RACES]`.

The costs of the stacks are those of a measured session. The noise is drawn: heavy-tailed errors of 7 % for each fresh
server, and effects of up to 12 % for each block. Times follow the lab's estimates, and nothing is measured.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from bench.analysis.standings import SLOWER, Standing, standings
from bench.model import Case, Measurement, Phase, Race, Run, Stack, stack_of
from bench.plan.planned import plan
from bench.race import playoff, racing
from tests.declared import CATALOG

SEEN = Path(__file__).parent / "data/races/servers.json"
BUDGET_SECONDS = 17 * 60.0
SD, TAIL = 0.07, 4.75  # Student's t with 4.75 degrees of freedom has the observed kurtosis of 11
# Seconds of a fresh server, start to end. In a session of 360 servers, the means were 2.2 and 4.0, with four checks of
# idleness of 0.1 s each. A check now takes 0.05 s; that difference is calculated, not measured.
TOOK_SECONDS = {"glance": 2.0, "glance-64": 3.8}
BLOCK_SD = 0.12  # largest standard deviation of the blocks; each race draws its own

Costs = Mapping[str, Mapping[Stack, "Cost"]]  # by workload


class Cost(NamedTuple):
    """Seconds of server CPU per request, and answers per second."""

    cpu: float
    rate: float


class Ended(NamedTuple):
    """A finished race: its finalists, and the standings of all stacks, by workload."""

    race: Race
    finalists: dict[str, set[Stack]]
    standings: dict[str, list[Standing]]

    def is_worse(self, workload: str, stack: Stack) -> bool:
        """Whether a report would call the stack significantly worse than the best."""
        return next(each.behind.significant for each in self.standings[workload] if each.stack == stack)

    def undecided(self, workload: str) -> int:
        """The number of stacks that a report would call undecided."""
        return sum(each.behind.undecided for each in self.standings[workload])


def seen() -> Costs:
    """The measured costs of the stacks of `servers`."""
    told = msgspec.json.decode(SEEN.read_bytes(), type=dict[str, dict[str, tuple[float, float]]])
    return {
        workload: {Stack(*name.split("/")): Cost(*cost) for name, cost in stacks.items()}
        for workload, stacks in told.items()
    }


def with_second(costs: Costs, times: float) -> tuple[Costs, dict[str, Stack]]:
    """The costs with a second stack at `times` the cost of the best and none between; that stack by workload."""
    made: dict[str, dict[Stack, Cost]] = {}
    second: dict[str, Stack] = {}
    for workload, stacks in costs.items():
        first, other, *rest = _ranked(workload, stacks)
        least = stacks[first].cpu
        apart = {stack: stacks[stack]._replace(cpu=max(stacks[stack].cpu, 1.4 * least)) for stack in rest}
        made[workload] = {**stacks, **apart, other: Cost(times * least, stacks[first].rate)}
        second[workload] = other
    return made, second


def equals(costs: Costs) -> Costs:
    """The same cost for all stacks."""
    return {workload: dict.fromkeys(stacks, Cost(1e-4, 1e4)) for workload, stacks in costs.items()}


def raced(costs: Costs, seed: int, sd: float = SD, budget: float = BUDGET_SECONDS) -> Ended:
    """A whole race, with the extra blocks for undecided finalists."""
    study = CATALOG.studies["servers"]
    known = {stack.server for stacks in costs.values() for stack in stacks}  # those that were on the study's day
    study = replace(
        study,
        servers=tuple(name for name in study.servers if name in known),
        frameworks_of={name: names for name, names in study.frameworks_of.items() if name in known},
    )
    track = racing.track(plan(study, CATALOG), budget)
    assert track is not None
    drawn = np.random.default_rng(seed)
    block_sd = drawn.uniform(0, BLOCK_SD)
    runs: list[Run] = []

    def measured(phase: Phase) -> list[Run]:
        for block in range(phase.first, phase.first + phase.blocks):
            beside = drawn.normal(0, block_sd)
            errors = drawn.standard_t(TAIL, len(phase.cases)) * sd / math.sqrt(TAIL / (TAIL - 2))
            runs.extend(
                _run(case, block, costs, math.exp(beside + error))
                for case, error in zip(phase.cases, errors, strict=True)
            )
        return runs

    *_, race = racing.race(track, Race(budget_seconds=budget), measured)
    final = racing.finalists(track, track.final, race)
    measured(final)
    for _ in playoff.blocks(track, race, runs, measured):
        pass
    by_workload: dict[str, list[Run]] = {}
    for run in runs:
        by_workload.setdefault(run.case.workload or "", []).append(run)
    finalists: dict[str, set[Stack]] = {workload: set() for workload in costs}
    for case in final.cases:
        finalists[case.workload or ""].add(stack_of(case))
    return Ended(race, finalists, {workload: standings(CATALOG, own) for workload, own in by_workload.items()})


def best(costs: Costs) -> dict[str, Stack]:
    """The true best of each workload."""
    return {workload: _ranked(workload, stacks)[0] for workload, stacks in costs.items()}


def _ranked(workload: str, stacks: Mapping[Stack, Cost]) -> list[Stack]:
    """The stacks by CPU, the cheapest first; on a workload ranked by rate, without the slow ones."""
    most = max(cost.rate for cost in stacks.values())
    quick = set(stacks)
    if CATALOG.workloads[workload].ranked_by == "rate":
        quick = {stack for stack, cost in stacks.items() if cost.rate * SLOWER >= most}
    return sorted(quick, key=lambda stack: stacks[stack].cpu)


def _run(case: Case, block: int, costs: Costs, noise: float) -> Run:
    cost = costs[case.workload or ""][stack_of(case)]
    values = {"cpu": cost.cpu * noise, "rate": cost.rate}
    measured = tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items())
    seconds = TOOK_SECONDS[case.load or ""]
    return Run(case=case, block=block, started="", seconds=seconds, verdict="pass", measurements=measured)


def told_apart(ended: Ended, second: Mapping[str, Stack]) -> int:
    """On how many of the two workloads ranked by CPU a report would call the second stack worse."""
    return sum(ended.is_worse(workload, second[workload]) for workload in ("hello", "medium"))


def main(races: int) -> None:
    """Print how often the best is eliminated, a stack 15 % worse is recognised, and equals are called worse."""
    costs = seen()
    lost, undecided = 0, []
    for seed in range(races):
        ended = raced(costs, seed)
        lost += any(stack not in ended.finalists[workload] for workload, stack in best(costs).items())
        undecided.append([ended.undecided(workload) for workload in costs])
    print(f"measured costs: the best of a workload was eliminated in {lost} of {races} races")
    for workload, count in zip(costs, np.mean(undecided, axis=0), strict=True):
        print(f"undecided on {workload}: {count:.1f} stacks on average")
    near, second = with_second(costs, 1.15)
    told = sum(told_apart(raced(near, seed), second) for seed in range(races))
    print(f"15 % worse: significant in {told} of {2 * races} cases, two workloads per race")
    alike = equals(costs)
    ends = [raced(alike, seed) for seed in range(min(races, 100))]
    worse = sum(any(each.behind.significant for each in ended.standings["hello"]) for ended in ends)
    left = np.mean([ended.undecided("hello") for ended in ends])
    print(f"47 equals: one is significantly worse in {worse} of {len(ends)} races, {left:.1f} are undecided on average")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)

"""A race of fake stacks: made-up costs, noise from a seed, and a simulated clock."""

import random
from collections.abc import Callable, Sequence

from bench.model import Case, MacroPlan, Measurement, Phase, Plan, Race, Run, Session, Study
from bench.plan import estimate
from bench.plan.planned import plan, selected
from bench.race import racing
from tests.declared import CATALOG

SERVERS = ("gunicorn-sync", "gunicorn-gthread", "uwsgi-processes", "bjoern")
STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cython",
    variants=("cython",),
    frameworks=("falcon", "bare"),
    servers=SERVERS,
    workloads=("hello", "medium"),
    macro=MacroPlan(loads=("closed",), runs=3),
)
SPENT = {  # µs of server CPU per request, without the 4 µs of Falcon
    "hello": {"gunicorn-sync": 200, "gunicorn-gthread": 202, "uwsgi-processes": 21, "bjoern": 20},
    "medium": {"gunicorn-sync": 230, "gunicorn-gthread": 232, "uwsgi-processes": 50, "bjoern": 60},
    "wait": {"gunicorn-sync": 200, "gunicorn-gthread": 202, "uwsgi-processes": 21, "bjoern": 20},
}
Cost = Callable[[Case], float]


def cost(case: Case) -> float:
    """Seconds of server CPU per request."""
    return 1e-6 * (SPENT[case.workload][case.stack.server] + (4 if case.stack.framework == "falcon" else 0))


def equal(_: Case) -> float:
    return 1e-4


class Fake:
    """Returns runs with the cost of each case, noise from its block and the seed, and a clock that runs at `pace`."""

    def __init__(self, cost: Cost = cost, *, spread: float = 0.01, pace: float = 1.0, seed: int = 1) -> None:
        self.cost, self.spread, self.pace, self.seed = cost, spread, pace, seed
        self.rounds: list[Phase] = []
        self.runs: list[Run] = []
        self.broken: set[tuple[str, str | None]] = set()

    def __call__(self, phase: Phase) -> Sequence[Run]:
        self.rounds.append(phase)
        for block in range(phase.first, phase.first + phase.blocks):
            self.runs += [self.run(case, block) for case in phase.cases]
        return self.runs

    def run(self, case: Case, block: int) -> Run:
        seconds = estimate.case_seconds(case, CATALOG) * self.pace
        if (str(case.stack), case.workload) in self.broken:
            return Run(case=case, block=block, started="", seconds=seconds, verdict="failed", reason="it fell over")
        noise = random.Random(f"{self.seed} {block} {case.identity}").gauss(1, self.spread)
        spent = self.cost(case) * noise
        values = {"cpu": spent, "rate": 1 / spent}
        measured = tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items())
        return Run(case=case, block=block, started="", seconds=seconds, verdict="pass", measurements=measured)


class Stored(Fake):
    """Measures only the missing runs of a phase, as the lab does."""

    def __call__(self, phase):
        whole = {(run.case.identity, run.block) for run in self.runs}
        last = range(phase.first, phase.first + phase.blocks)
        if any((case.identity, block) not in whole for case in phase.cases for block in last):
            super().__call__(phase)
        return self.runs


def raced(fake: Fake, study: Study = STUDY, budget: float = 360.0) -> tuple[Race, Phase]:
    """The finished race, and its final."""
    track = racing.track(plan(study, CATALOG), budget)
    assert track is not None
    *_, last = racing.race(track, Race(budget_seconds=budget), fake)
    return last, racing.finalists(track, track.final, last)


def session(race: Race, runs: Sequence[Run], study: Study = STUDY) -> Session:
    """The record of a finished session."""
    cases = tuple({run.case.identity: run.case for run in runs}.values())
    return Session(
        plan=Plan(study=study, catalog=selected(study, CATALOG), phases=(Phase("all", 1, cases),)),
        started="2026-11-25T10:00:00+00:00",
        seed=1,
        machine={"cores": 2},
        finished="2026-11-25T10:06:00+00:00",
        race=race,
    )

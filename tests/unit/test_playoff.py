"""Extra blocks for undecided finalists within the budget, and whole races with the observed noise."""

import msgspec
import pytest

from bench.model import MacroPlan, Phase
from bench.plan import estimate
from bench.plan.planned import plan
from bench.race import playoff, racing
from tests import simulated_races as simulated
from tests.declared import CATALOG
from tests.unit.races import STUDY, Fake, Stored, cost, equal, raced

pytestmark = pytest.mark.slow

RACES = 4


BUDGET = 200.0
GLANCE = msgspec.structs.replace(STUDY, macro=MacroPlan(loads=("glance",), runs=9))


def played(fake: Fake) -> list[Phase]:
    """The blocks after the final."""
    track = racing.track(plan(GLANCE, CATALOG), BUDGET)
    race, final = raced(fake, GLANCE, BUDGET)
    return list(playoff.blocks(track, race, list(fake(final)), fake))


def test_blocks_hold_the_undecided_and_the_best_beside_them_until_the_budget_is_spent() -> None:
    fake = Fake(equal, spread=0.05)
    blocks = played(fake)
    assert blocks
    assert all(len(block.cases) > 1 and block.blocks == 1 for block in blocks)
    numbers = [block.first for block in blocks]
    assert numbers == list(range(numbers[0], numbers[0] + 2 * len(blocks), 2))
    assert sum(run.seconds for run in fake.runs) <= BUDGET
    assert sum(run.seconds for run in fake.runs) > BUDGET - 8 * estimate.case_seconds(blocks[0].cases[0], CATALOG)


def test_where_all_is_decided_nothing_more_is_measured() -> None:
    def apart(case):
        return cost(case) * (3 if case.stack.framework == "falcon" else 1)

    assert played(Fake(apart, spread=0.002)) == []


def test_an_interrupted_play_off_comes_to_the_same_end() -> None:
    track = racing.track(plan(GLANCE, CATALOG), BUDGET)
    stored = Stored(equal, spread=0.05)
    race, final = raced(stored, GLANCE, BUDGET)
    runs = list(stored(final))
    blocks = list(playoff.blocks(track, race, runs, stored))
    assert len(blocks) > 2
    assert list(playoff.blocks(track, race, list(stored.runs), stored)) == blocks
    halfway = Stored(equal, spread=0.05)
    halfway.runs = [run for run in stored.runs if run.block <= blocks[1].first]
    assert list(playoff.blocks(track, race, list(halfway.runs), halfway)) == blocks


@pytest.mark.parametrize("seed", range(RACES))
def test_the_best_reaches_the_final_and_every_server_has_its_best_there(seed: int) -> None:
    """`python -m tests.simulated_races 1000` counts over as many races as given."""
    costs = simulated.seen()
    ended = simulated.raced(costs, seed)
    for workload, stack in simulated.best(costs).items():
        assert stack in ended.finalists[workload]
        assert {each.server for each in ended.finalists[workload]} == {each.server for each in costs[workload]}


def test_a_stack_15_percent_worse_is_told_so_in_nine_of_ten_races() -> None:
    costs, second = simulated.with_second(simulated.seen(), 1.15)
    told = sum(simulated.told_apart(simulated.raced(costs, seed), second) for seed in range(RACES))
    assert told >= 0.9 * 2 * RACES - 1, "of so few races one may miss"


def test_of_47_equals_none_is_told_to_be_worse() -> None:
    costs = simulated.equals(simulated.seen())
    worse = sum(
        any(each.behind.significant for each in simulated.raced(costs, seed).standings["hello"])
        for seed in range(RACES)
    )
    assert worse <= 0.2 * RACES, "5 % in the mean"

"""One spread for many stacks, with a known truth and the observed distribution of real servers."""

import math

import numpy as np
import pytest

from bench.analysis.comparison import Comparison, as_a_family
from bench.analysis.pooled import Pooled

pytestmark = pytest.mark.slow

STACKS = 47
SD = 0.07  # of the log cost of a fresh server, heavy-tailed
RNG = np.random.default_rng

Costs = dict[int, dict[int, float]]


def errors(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Errors with a standard deviation of `SD` and a kurtosis of 3 or about 11."""
    if kind == "normal":
        return rng.normal(0, SD, shape)
    if kind == "tailed":  # Student's t, whose kurtosis is 11 with 4.75 degrees of freedom
        return rng.standard_t(4.75, shape) * SD / math.sqrt(4.75 / 2.75)
    rare = rng.random(shape) < 0.05  # one server in twenty is from another world
    return np.where(rare, rng.normal(0, 4 * SD, shape), rng.normal(0, SD, shape)) / math.sqrt(0.95 + 0.05 * 16)


def drawn(rng: np.random.Generator, truth: np.ndarray, servers: int, kind: str, block_sd: float = 0.06) -> Costs:
    """The costs of fresh servers: log cost = stack + block + error."""
    logs = truth[:, None] + rng.normal(0, block_sd, servers) + errors(rng, (len(truth), servers), kind)
    return {stack: dict(enumerate(np.exp(row))) for stack, row in enumerate(logs)}


def ladder(count: int = STACKS) -> np.ndarray:
    """Log costs of stacks from 1 to 30 times the best, a few of them near it, as those of `servers` are."""
    return np.log(np.geomspace(1, 30, count))


@pytest.mark.parametrize("kind", ["normal", "tailed", "mixed"])
@pytest.mark.parametrize(("stacks", "servers"), [(STACKS, 2), (17, 3), (4, 3), (2, 2)])
def test_an_interval_holds_the_truth_in_95_of_100_whatever_the_tails(kind: str, stacks: int, servers: int) -> None:
    rng, truth, held, count = RNG(7), ladder(stacks), 0, 0
    for _ in range(300):
        found = Pooled(drawn(rng, truth, servers, kind))
        for above in range(1, min(stacks, 9)):
            ratio = found.ratio(above, 0)
            held += ratio.low <= math.exp(truth[above] - truth[0]) <= ratio.high
            count += 1
    assert 0.93 <= held / count <= 0.985


@pytest.mark.parametrize("kind", ["normal", "tailed", "mixed"])
@pytest.mark.parametrize("truth", [ladder(), np.zeros(STACKS)], ids=["a ladder", "equals"])
def test_intervals_to_the_best_hold_the_truth_together(kind: str, truth: np.ndarray) -> None:
    rng, right = RNG(11), 0
    for _ in range(200):
        found = Pooled(drawn(rng, truth, 2, kind)).to_the_best()
        right += all(each.low <= math.exp(truth[s] - truth.min()) <= each.high * 1.000001 for s, each in found.items())
    assert right / 200 >= 0.93


def test_pooling_tells_apart_what_two_servers_by_themselves_do_not() -> None:
    """With one degree of freedom, Student's t would cover over a factor of two at this spread."""
    found = Pooled(drawn(RNG(3), ladder(), 2, "tailed"))
    ratio = found.ratio(20, 0)
    assert math.sqrt(ratio.high / ratio.low) - 1 < 0.17
    assert found.freedom == STACKS * 2 - STACKS - 2 + 1
    assert found.sd == pytest.approx(SD, rel=0.35)


def test_what_strikes_a_whole_block_cancels() -> None:
    costs = {stack: {block: (1 + stack) * (1 + block) for block in range(3)} for stack in range(5)}
    found = Pooled(costs)
    assert found.ratio(4, 0).estimate == pytest.approx(5.0)
    assert found.ratio(4, 0).high == pytest.approx(5.0)
    assert found.cost(0) == pytest.approx(6 ** (1 / 3))


def test_a_stack_that_misses_blocks_is_compared_within_those_it_has() -> None:
    """Blocks of growing cost: a stack that was measured in the first ones only is not cheaper for that."""
    costs = {stack: {block: 1.0 + block for block in range(6 if stack else 2)} for stack in range(4)}
    assert Pooled(costs).ratio(0, 1).estimate == pytest.approx(1.0)


def test_an_outlier_among_three_servers_hardly_moves_its_stack() -> None:
    costs = {stack: {block: 1.0 + 0.02 * ((stack + block) % 3) for block in range(3)} for stack in range(9)}
    before = Pooled(costs).ratio(3, 0).estimate
    costs[3][1] *= 2
    assert Pooled(costs).ratio(3, 0).estimate == pytest.approx(before, rel=0.05)


def test_servers_that_disagree_are_named() -> None:
    rng = RNG(5)
    costs = drawn(rng, ladder(), 2, "normal")
    assert len(Pooled(costs).disagreeing()) <= 3, "few by chance"
    costs[8] = {0: costs[8][0], 1: costs[8][0] * 1.6}
    assert Pooled(costs).disagreeing()[8] == 1
    three = drawn(rng, ladder(9), 3, "normal")
    three[4][2] *= 1.8
    assert 4 in Pooled(three).disagreeing()


def test_one_server_each_tells_of_no_spread() -> None:
    found = Pooled({"a": {0: 1.0}, "b": {0: 2.0}})
    ratio = found.ratio("b", "a")
    assert (ratio.estimate, ratio.low, found.sd) == (2.0, None, None)
    assert [each.low for each in found.to_the_best().values()] == [None, None]
    assert found.disagreeing() == {}


def test_the_best_of_one_is_itself() -> None:
    assert Pooled({"a": {0: 1.0, 1: 1.1}}).to_the_best()["a"].estimate == 1.0


def test_equals_are_called_equal_or_left_undecided_but_never_worse() -> None:
    """Many servers of few equals lie within 5 %; few servers of many do not."""
    rng = RNG(2)
    many = Pooled(drawn(rng, np.zeros(4), 80, "normal")).to_the_best()
    assert all(each.low == 1.0 and each.high < 1.05 for each in many.values())
    few = Pooled(drawn(rng, np.zeros(STACKS), 2, "tailed")).to_the_best()
    assert all(each.low == 1.0 for each in few.values())
    assert max(each.high for each in few.values()) > 1.05


def test_without_blocks_each_value_stands_for_itself() -> None:
    """Ratios of A/A pairs, each of two blocks of its own, with one spread for all: few differ from 1."""
    rng, different = RNG(4), 0
    for _ in range(50):
        pairs = {pair: dict(enumerate(np.exp(errors(rng, (2,), "tailed")))) for pair in range(40)}
        found = Pooled(pairs, blocked=False)
        ratios = [found.ratio(pair) for pair in pairs]
        different += sum(not ratio.low <= 1 <= ratio.high for ratio in ratios)
    assert found.freedom == 40
    assert found.ratio(0).estimate == pytest.approx(math.sqrt(pairs[0][0] * pairs[0][1]))
    assert 0.03 <= different / 50 / 40 <= 0.065


@pytest.mark.parametrize("kind", ["normal", "tailed"])
def test_of_a_family_of_equals_one_is_significant_in_one_of_twenty_sessions(kind: str) -> None:
    """Benjamini and Hochberg's procedure needs p-values far out, where the tails must be those of the errors."""
    rng, sessions, significant = RNG(13), 200, 0
    for _ in range(sessions):
        found = Pooled(drawn(rng, np.zeros(STACKS), 2, kind))
        family = as_a_family([Comparison(ratio=found.ratio(stack, 0)) for stack in range(1, STACKS)])
        significant += any(each.significant for each in family)
    assert significant / sessions <= 0.09

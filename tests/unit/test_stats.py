"""Intervals that hold what they promise, on simulated processes whose truth is known."""

import numpy as np
import pytest

from bench.stats import Ratio, blocked_ratio, noise_floor, ratio, warmup_shape

TRIALS = 300


def processes(rng, count, values, *, between=0.03, within=0.02, level=1.0):
    """`count` processes that differ from each other by `between` and, value by value, by `within`."""
    centres = level * np.exp(rng.normal(0, between, (count, 1)))
    return centres * np.exp(rng.normal(0, within, (count, values)))


def blocks(rng, count, *, common=0.05, own=0.01, speedup=3.0):
    """Pairs of processes that share the block's fate and differ by little of their own."""
    fate = np.exp(rng.normal(0, common, count))
    return [([speedup * f * np.exp(rng.normal(0, own))], [f * np.exp(rng.normal(0, own))]) for f in fate]


@pytest.mark.parametrize("counts", [(2, 2), (3, 8), (6, 6), (10, 20)])
def test_the_interval_of_independent_processes_holds_the_truth_nineteen_times_in_twenty(counts):
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(TRIALS):
        found = ratio(processes(rng, counts[0], 5, level=2.0), processes(rng, counts[1], 3))
        held += found.low <= 2.0 <= found.high
    assert 0.92 <= held / TRIALS <= 0.998


@pytest.mark.parametrize("count", [2, 4, 6, 10])
def test_the_interval_of_blocks_holds_the_truth_nineteen_times_in_twenty(count):
    rng = np.random.default_rng(8)
    found = [blocked_ratio(blocks(rng, count)) for _ in range(TRIALS)]
    assert 0.90 <= sum(each.low <= 3.0 <= each.high for each in found) / TRIALS <= 0.985


def test_equal_sides_are_told_apart_no_more_often_than_promised():
    rng = np.random.default_rng(9)
    found = [ratio(processes(rng, 10, 5), processes(rng, 10, 5)) for _ in range(TRIALS)]
    assert sum(each.differs_by_more_than(0.0) for each in found) / TRIALS <= 0.08


def test_values_of_one_process_are_not_taken_for_independent():
    """Fifty values of each process say as little about the next process as five: the interval stays as wide."""
    widths = []
    for values in (5, 50):
        rng = np.random.default_rng(10)
        found = [ratio(processes(rng, 8, values), processes(rng, 8, values)) for _ in range(50)]
        widths.append(np.mean([each.high - each.low for each in found]))
    assert widths[1] > 0.85 * widths[0]


def test_blocks_cancel_what_strikes_both_sides():
    pairs = blocks(np.random.default_rng(11), 10, common=0.3)
    paired = blocked_ratio(pairs)
    apart = ratio([above for above, _ in pairs], [below for _, below in pairs])
    assert paired.high - paired.low < (apart.high - apart.low) / 5


def test_processes_weigh_alike_however_many_values_they_have():
    assert ratio([[1.0] * 50, [3.0]], [[1.0], [1.0]]).estimate == pytest.approx(2.0)


def test_a_ratio_is_the_same_each_time_it_is_computed():
    rng = np.random.default_rng(12)
    one, two = processes(rng, 10, 5), processes(rng, 10, 5)
    assert ratio(one, two) == ratio(one, two)
    pairs = blocks(rng, 10)
    assert blocked_ratio(pairs) == blocked_ratio(pairs)


def test_a_single_process_has_a_ratio_without_an_interval():
    assert ratio([[4.0, 4.0]], [[2.0], [2.0]]) == Ratio(estimate=2.0)
    assert blocked_ratio([([4.0], [2.0])]) == Ratio(estimate=2.0)
    assert not Ratio(estimate=2.0).differs_by_more_than(0.0)


def test_processes_without_any_spread_have_an_interval_without_width():
    assert ratio([[4.0]] * 2, [[2.0]] * 2) == Ratio(estimate=2.0, low=2.0, high=2.0)


def test_the_noise_floor_reaches_as_far_as_the_interval_of_an_a_a_pair_either_way():
    assert noise_floor(Ratio(estimate=1.0, low=0.96, high=1.01)) == pytest.approx(1 / 0.96 - 1)
    assert noise_floor(Ratio(estimate=1.0, low=0.99, high=1.03)) == pytest.approx(0.03)
    assert noise_floor(Ratio(estimate=1.0)) is None


@pytest.mark.parametrize(
    ("low", "high", "differs"), [(1.03, 1.2, True), (1.01, 1.2, False), (0.8, 0.97, True), (0.8, 0.99, False)]
)
def test_what_reaches_into_the_noise_floor_is_no_difference(low, high, differs):
    assert Ratio(estimate=1.0, low=low, high=high).differs_by_more_than(0.02) is differs


@pytest.mark.parametrize(
    ("curve", "shape"),
    [
        ([1.0, 1.0, 1.0, 1.01, 1.0, 0.99], "flat"),
        ([3.0, 1.5, 1.0, 1.0, 1.01, 1.0], "warm-up"),
        ([0.7, 0.8, 1.0, 1.0, 1.0, 1.0], "slow-down"),
        ([1.0, 1.0, 1.0, 1.3, 1.0, 1.5], "no steady state"),
    ],
)
def test_iterations_are_classified_by_their_shape(curve, shape):
    slow, fast = [2 * value for value in curve], curve
    assert warmup_shape([slow, fast, curve], steady=3, tolerance=0.05) == shape

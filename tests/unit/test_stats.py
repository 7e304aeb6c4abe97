"""The coverage of intervals, on simulated processes whose true ratio is known."""

import numpy as np
import pytest

from bench.analysis.stats import Ratio, benjamini_hochberg, between, blocked_ratio, ratio, reach

pytestmark = pytest.mark.slow

TRIALS = 300


def processes(rng, count, values, *, between=0.03, within=0.02, level=1.0):
    """`count` processes with a spread of `between` from process to process, and of `within` from value to value."""
    centres = level * np.exp(rng.normal(0, between, (count, 1)))
    return centres * np.exp(rng.normal(0, within, (count, values)))


def blocks(rng, count, *, common=0.05, own=0.01, speedup=3.0):
    """Pairs of processes with a common effect of their block and a small effect of their own."""
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
    """Fifty values of each process predict the next process no better than five: the interval stays as wide."""
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
    found = ratio([[4.0]] * 2, [[2.0]] * 2)
    assert (found.estimate, found.low, found.high, found.smallest(), found.chance()) == (2.0, 2.0, 2.0, 0.0, 0.0)


def test_a_pair_reaches_as_far_as_the_interval_of_an_a_a_pair_either_way():
    assert reach(Ratio(estimate=1.0, low=0.96, high=1.01)) == pytest.approx(1 / 0.96 - 1)
    assert reach(Ratio(estimate=1.0, low=0.99, high=1.03)) == pytest.approx(0.03)
    assert reach(Ratio(estimate=1.0)) is None


@pytest.mark.parametrize(
    ("low", "high", "differs"), [(1.03, 1.2, True), (1.01, 1.2, False), (0.8, 0.97, True), (0.8, 0.99, False)]
)
def test_what_reaches_into_the_noise_floor_is_no_difference(low, high, differs):
    assert Ratio(estimate=1.0, low=low, high=high).differs_by_more_than(0.02) is differs


def test_the_smallest_effect_is_the_one_that_four_of_five_sessions_tell_from_the_floor():
    rng = np.random.default_rng(13)
    for count in (4, 10):
        smallest = np.median([blocked_ratio(blocks(rng, count, speedup=1)).smallest(0.01) for _ in range(TRIALS)])
        truly = [blocked_ratio(blocks(rng, count, speedup=1 + smallest)) for _ in range(TRIALS)]
        assert 0.7 <= sum(each.differs_by_more_than(0.01) for each in truly) / TRIALS <= 0.9
        third = [blocked_ratio(blocks(rng, count, speedup=1 + smallest / 3)) for _ in range(TRIALS)]
        assert sum(each.differs_by_more_than(0.01) for each in third) / TRIALS <= 0.4


def test_more_processes_see_smaller_effects():
    rng = np.random.default_rng(14)
    few, many = (blocked_ratio(blocks(rng, count)) for count in (4, 30))
    assert many.smallest() < few.smallest() / 2
    assert Ratio(estimate=2.0).smallest() is None


def test_a_p_value_is_below_a_twentieth_as_often_as_the_interval_leaves_one():
    rng = np.random.default_rng(15)
    found = [blocked_ratio(blocks(rng, 4, speedup=1.02)) for _ in range(TRIALS)]
    assert all((each.chance() < 0.05) == each.differs_by_more_than(0.0) for each in found)
    equal = [blocked_ratio(blocks(rng, 10, speedup=1)).chance() for _ in range(TRIALS)]
    assert 0.02 <= np.mean(np.array(equal) < 0.05) <= 0.08
    assert Ratio(estimate=2.0).chance() == 1.0
    assert Ratio(estimate=1.01, low=1.0, high=1.02, error=0.001, freedom=9).chance(0.02) == 1.0


def test_benjamini_and_hochberg_of_their_own_example():
    """The fifteen p-values of their paper, §4.1: at 5 % the first four hold; Bonferroni would leave three."""
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528]
    values += [0.759, 1.0]
    shuffled = np.random.default_rng(16).permutation(15)
    raised = benjamini_hochberg([values[index] for index in shuffled])
    assert {values[index] for index, value in zip(shuffled, raised, strict=True) if value <= 0.05} == set(values[:4])
    assert benjamini_hochberg([]) == []
    assert max(raised) == 1.0


def test_of_a_family_of_equals_one_in_twenty_holds_a_false_difference():
    rng = np.random.default_rng(17)
    families = [[blocked_ratio(blocks(rng, 5, speedup=1)).chance() for _ in range(10)] for _ in range(TRIALS)]
    assert np.mean([min(family) < 0.05 for family in families]) > 0.3, "one by one, most families hold one"
    assert np.mean([min(benjamini_hochberg(family)) < 0.05 for family in families]) <= 0.09


# ---------------------------------------------------------------- sessions


def sessions(rng, count, *, apart=0.03, blocks_each=8, truth=1.2):
    """The ratios of `count` sessions, each with an offset far larger than the spread of its blocks."""
    return [blocked_ratio(blocks(rng, blocks_each, speedup=truth * np.exp(rng.normal(0, apart)))) for _ in range(count)]


@pytest.mark.parametrize("count", [3, 4, 6])
def test_the_interval_between_sessions_holds_the_truth_nineteen_times_in_twenty(count):
    rng = np.random.default_rng(18)
    trials = [sessions(rng, count) for _ in range(200)]
    found = [between(each) for each in trials]
    assert 0.91 <= np.mean([each.low <= 1.2 <= each.high for each in found]) <= 0.99
    within = [each for trial in trials for each in trial]
    assert np.mean([each.low <= 1.2 <= each.high for each in within]) < 0.6, "a session's own interval misses it"


def test_fewer_than_three_sessions_have_no_interval_between_them():
    one, two = Ratio(estimate=1.15, low=1.14, high=1.17), Ratio(estimate=1.22, low=1.20, high=1.23)
    alone, both = between([one]), between([one, two])
    assert (alone.estimate, both.estimate) == pytest.approx((1.15, (1.15 * 1.22) ** 0.5))
    assert (alone, both) == (Ratio(estimate=alone.estimate), Ratio(estimate=both.estimate))
    assert between([one, two, two]).low < 1.15

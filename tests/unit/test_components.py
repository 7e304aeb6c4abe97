"""Variance components of simulated tables whose true components are known."""

import numpy as np
import pytest

from bench.analysis.components import components

TRIALS = 400


def table(rng, levels=6, blocks=6, *, by_level=0.0, by_block=0.0, error=0.01):
    """Logarithms of times with these standard deviations by level, by block and by process."""
    return (
        rng.normal(0, by_level, (levels, 1))
        + rng.normal(0, by_block, (1, blocks))
        + rng.normal(0, error, (levels, blocks))
    )


@pytest.mark.parametrize("sd", [0.005, 0.01, 0.03])
def test_intervals_hold_what_a_cause_moves_nineteen_times_in_twenty(sd):
    rng = np.random.default_rng(1)
    found = [components(table(rng, by_level=sd, by_block=0.02)) for _ in range(TRIALS)]
    assert 0.93 <= np.mean([each.levels.low <= sd <= each.levels.high for each in found]) <= 0.985
    assert 0.92 <= np.mean([each.error.low <= 0.01 <= each.error.high for each in found]) <= 0.98
    assert 0.92 <= np.mean([each.blocks.low <= 0.02 <= each.blocks.high for each in found]) <= 0.985


def test_estimates_are_right_in_the_mean():
    rng = np.random.default_rng(2)
    found = [components(table(rng, by_level=0.02, by_block=0.01)) for _ in range(TRIALS)]
    for part, sd in (("levels", 0.02), ("blocks", 0.01), ("error", 0.01)):
        assert np.mean([getattr(each, part).sd ** 2 for each in found]) == pytest.approx(sd**2, rel=0.15)


def test_a_cause_that_moves_nothing_is_significant_one_time_in_twenty():
    rng = np.random.default_rng(3)
    found = [components(table(rng, by_block=0.05)) for _ in range(TRIALS)]
    assert 0.02 <= np.mean([each.levels.chance < 0.05 for each in found]) <= 0.08
    assert np.mean([each.levels.low == 0 for each in found]) >= 0.95


def test_what_strikes_a_whole_block_does_not_look_like_a_level():
    quiet = components(table(np.random.default_rng(4)))
    noisy = components(table(np.random.default_rng(4), by_block=0.0) + np.linspace(0, 1, 6))
    assert noisy.levels.sd == pytest.approx(quiet.levels.sd)
    assert noisy.error.sd == pytest.approx(quiet.error.sd)


def test_figures_without_any_spread_have_no_component():
    found = components(np.zeros((3, 3)))
    assert (found.levels.sd, found.blocks.high, found.error.sd, found.levels.chance) == (0.0, 0.0, 0.0, 1.0)

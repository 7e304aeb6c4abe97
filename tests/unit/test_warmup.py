"""Iterations cut at their change points: their shape, and the start of the steady state."""

import numpy as np
import pytest

from bench.analysis.warmup import Warmup, change_points, running_median, warmup


@pytest.mark.parametrize(
    ("curve", "found"),
    [
        ([1.0, 1.0, 1.0, 1.01, 1.0, 0.99], Warmup("flat", 0)),
        ([3.0, 1.5, 1.0, 1.0, 1.01, 1.0], Warmup("warm-up", 2)),
        ([0.7, 0.8, 1.0, 1.0, 1.0, 1.0], Warmup("slow-down", 2)),
        ([1.0, 1.0, 1.0, 1.3, 1.0, 1.5], Warmup("no steady state", None)),
        ([1.0, 1.0, 1.0, 1.2, 1.0, 1.0], Warmup("no steady state", None)),
        ([1.02, 1.0, 1.0, 1.0], Warmup("flat", 0)),
        ([1.0], Warmup("flat", 0)),
    ],
)
def test_iterations_are_classified_by_their_shape(curve, found):
    slow, fast = [2 * value for value in curve], curve
    assert warmup([slow, fast, curve], steady=min(3, len(curve)), tolerance=0.05) == found


def test_a_step_inside_the_noise_is_no_change_and_one_beyond_it_is():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.03, 60)
    step = np.where(np.arange(60) < 25, 0.25, 0.0)
    assert change_points(noise, 0.02) == [0]
    assert change_points(noise + step, 0.02) == [0, 25]


def test_change_points_of_noise_alone_are_rare():
    rng = np.random.default_rng(2)
    cut = [len(change_points(rng.normal(0, 0.03, 40), 0.02)) > 1 for _ in range(200)]
    assert np.mean(cut) < 0.12


def test_a_tiered_jit_is_steady_from_its_last_step_on():
    """The levels of two compilers, as in a process that optimises twice; each process has its own speed."""
    rng = np.random.default_rng(3)
    curve = np.array([6.0] * 4 + [2.0] * 10 + [1.0] * 12)
    processes = [(pace * curve * np.exp(rng.normal(0, 0.01, len(curve)))).tolist() for pace in (1.0, 1.2, 0.9)]
    assert warmup(processes, steady=5, tolerance=0.03) == Warmup("warm-up", 14)


def test_a_step_among_the_last_is_no_steady_state():
    assert warmup([[2.0, 2.0, 2.0, 1.04, 1.0, 1.0]], steady=3, tolerance=0.05).shape == "warm-up"
    assert warmup([[2.0, 2.0, 2.0, 1.4, 1.0, 1.0]], steady=3, tolerance=0.05) == Warmup("no steady state", None)


def test_a_single_outlier_is_removed_and_a_step_and_the_cold_start_are_not():
    assert running_median([9.0, 2.0, 2.0, 5.0, 2.0, 1.0, 1.0, 3.0]) == [9.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]
    assert running_median([1.0, 1.0, 2.0, 2.0]) == [1.0, 1.0, 2.0, 2.0]
    assert running_median([3.0, 1.0]) == [3.0, 1.0]
    assert running_median([3.0]) == [3.0]

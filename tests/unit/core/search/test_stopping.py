"""What a run of the joint search has to surpass: the best known, and those beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.search.belief import Belief, believe
from studies.core.search.observing import Observations
from studies.core.search.space import space_of
from studies.core.search.stopping import FAR, _bar
from tests.simulation.study import study


def belief() -> Belief:
    """Three runs that have come to their ends."""
    space = space_of(study({"kind": "joint_search"}, strategy="guided_search"))
    points = space.snapped(np.random.default_rng(0).random((3, len(space))))
    return believe(space, Observations(points, np.ones(3), np.array([0.1, 0.5, 0.9]), np.empty((0, len(space)))))


def test_a_run_is_held_against_the_best_known() -> None:
    known = belief()
    mean = np.array([known.best - 1.0, known.best - 0.1])
    assert _bar(known, mean, np.array([0.2, 0.2])).tolist() == [known.best, -math.inf]


def test_a_run_is_held_against_one_beside_it_that_is_surely_better_than_all_that_is_known() -> None:
    known = belief()
    mean = known.best + np.array([1.0, 2.0, 1.9])
    assert _bar(known, mean, np.full(3, 0.1)).tolist() == [mean[1], -math.inf, -math.inf]
    assert _bar(known, mean, np.array([0.1, 3.0, 3.0])).tolist() == [-math.inf] * 3


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 2)), min_size=1, max_size=6))
def test_the_one_that_is_expected_to_end_best_goes_on(runs: list[tuple[float, float]]) -> None:
    known = belief()
    mean, deviation = np.array(runs).T
    bar = _bar(known, mean, deviation)
    if mean.max() >= known.best:
        assert bar[int(np.argmax(mean))] == -math.inf
    stopped = np.isfinite(bar)
    assert np.all(bar[stopped] - mean[stopped] > -FAR * deviation[stopped])


def test_the_chance_is_that_of_a_normal_distribution() -> None:
    assert 0.5 * math.erfc(-FAR / math.sqrt(2)) == pytest.approx(0.05)

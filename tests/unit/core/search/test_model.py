"""The Gaussian process, expected improvement, candidates and suggestions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from studies.core.search import gaussian_process as gp
from studies.core.search.belief import MAX_OBSERVATIONS, believe
from studies.core.search.candidates import fresh, quasi_random
from studies.core.search.improvement import log_expected_improvement
from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace, space_of
from studies.core.search.suggest import suggest
from tests.simulation.study import study

SPACE = space_of(
    study(
        {"kind": "joint_search"},
        strategy="guided_search",
        space={"dropout": {"kind": "float", "low": 0.0, "high": 1.0}, "layers": {"kind": "int", "low": 1, "high": 5}},
    )
)
TINY = space_of(
    study(
        {"kind": "joint_search"},
        strategy="guided_search",
        space={
            name: {"kind": "choice", "values": values}
            for name, values in (
                ("lr", [0.1, 0.01]),
                ("batch_size", [64]),
                ("momentum", [0.9]),
                ("weight_decay", [0.0, 1e-4]),
            )
        },
    )
)


def bowl(points: np.ndarray, centre: float = 0.35) -> np.ndarray:
    return -np.sum((points - centre) ** 2, axis=1)


def seen(space: SearchSpace, count: int, pending: int = 0) -> Observations:
    points = space.snapped(np.random.default_rng(0).random((count + pending, len(space))))
    return Observations(points[:count], np.ones(count), bowl(points[:count]), points[count:])


def test_the_gradient_is_that_of_the_density() -> None:
    random = np.random.default_rng(1)
    inputs, values = random.random((20, 3)), random.standard_normal(20)
    centre = gp._prior_centre(3)
    theta = centre + 0.2 * random.standard_normal(5)
    _, gradient = gp._log_density(theta, inputs, values, centre)
    ahead = [gp._log_density(theta + step, inputs, values, centre)[0] for step in 1e-5 * np.eye(5)]
    behind = [gp._log_density(theta - step, inputs, values, centre)[0] for step in 1e-5 * np.eye(5)]
    assert gradient == pytest.approx((np.array(ahead) - np.array(behind)) / 2e-5, rel=1e-4, abs=1e-5)


def test_it_goes_through_what_it_has_seen_and_is_unsure_elsewhere() -> None:
    random = np.random.default_rng(2)
    inputs = random.random((30, 2))
    values = np.sin(5 * inputs[:, 0])
    values = (values - values.mean()) / values.std()
    model = gp.condition(inputs, values, gp.fit(inputs, values))
    mean, deviation = model.predict(inputs)
    assert mean == pytest.approx(values, abs=0.1)
    assert model.predict(np.array([[9.0, 9.0]]))[1] > 5 * deviation.max()


def test_a_feature_that_says_nothing_gets_a_longer_length() -> None:
    inputs = np.random.default_rng(3).random((40, 2))
    values = np.sin(6 * inputs[:, 0])
    lengths = gp.fit(inputs, (values - values.mean()) / values.std())[:2]
    assert lengths[1] > lengths[0] + 1


def test_expected_improvement_is_the_textbooks_and_goes_on_far_below() -> None:
    mean, deviation = np.array([0.5, -3.0, -5.999, -6.001, -40.0]), np.ones(5)
    found = log_expected_improvement(mean, deviation, 0.0)

    def exact(z: float) -> float:
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return math.log(density + z * 0.5 * math.erfc(-z / math.sqrt(2)))

    assert found[:3] == pytest.approx([exact(z) for z in mean[:3]])
    assert found[3] == pytest.approx(found[2], abs=0.2)
    assert found[4] < found[3]


def test_quasi_random_points_fill_the_space_evenly() -> None:
    points = quasi_random(64, 3, np.random.default_rng(0))
    assert all(np.ptp(np.bincount((points[:, index] * 4).astype(int))) <= 3 for index in range(3))


def test_taken_points_and_repeats_are_left_out() -> None:
    points = np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [-0.0, 1.0]])
    assert fresh(points, np.array([[0.0, 1.0]])).tolist() == [[0.5, 0.5]]


def test_suggestions_come_near_the_best_point() -> None:
    observations = seen(SPACE, 40)
    (point,) = suggest(SPACE, observations, 1, seed=0)
    assert bowl(point[None]) > observations.values.max()


def test_several_at_once_keep_apart_from_each_other_and_from_what_runs() -> None:
    observations = seen(SPACE, 20, pending=2)
    points = suggest(SPACE, observations, 6, seed=0)
    everything = np.array([*observations.pending, *points])
    distances = np.linalg.norm(everything[:, None] - everything, axis=2) + np.eye(len(everything))
    assert distances.min() > 0.02


def test_the_same_question_has_the_same_answer() -> None:
    observations = seen(SPACE, 12)
    assert np.array_equal(suggest(SPACE, observations, 3, seed=4), suggest(SPACE, observations, 3, seed=4))
    assert not np.array_equal(suggest(SPACE, observations, 3, seed=4), suggest(SPACE, observations, 3, seed=5))


def test_a_space_that_is_used_up_has_nothing_left() -> None:
    observations = seen(TINY, 1)
    assert len(suggest(TINY, observations, 10, seed=0)) == 3


def test_a_disaster_does_not_rule_the_model() -> None:
    observations = seen(SPACE, 30)
    values = observations.values.copy()
    values[0] = -1e6
    (point,) = suggest(SPACE, replace(observations, values=values), 1, seed=0)
    assert bowl(point[None]) > np.median(observations.values)


def test_of_very_many_observations_the_best_and_the_latest_are_looked_at() -> None:
    observations = seen(SPACE, MAX_OBSERVATIONS + 50)
    (point,) = suggest(SPACE, observations, 1, seed=0)
    assert bowl(point[None]) > np.quantile(observations.values, 0.99)


def test_what_early_values_say_about_the_end_is_learnt() -> None:
    """Early on all that counts is the first hyperparameter, at the end the second."""
    points = SPACE.snapped(np.random.default_rng(0).random((40, len(SPACE))))
    early, late = -np.abs(points[:, 0] - 0.5), -np.abs(points[:, 1] - 0.5)
    told = Observations(
        points=np.concatenate([points, points[:30]]),
        shares=np.concatenate([np.full(40, 1 / 9), np.ones(30)]),
        values=np.concatenate([early, late[:30]]),
        pending=np.empty((0, len(SPACE))),
    )
    mean, deviation = believe(SPACE, told).at_the_end(points[30:])
    assert np.corrcoef(mean, late[30:])[0, 1] > 0.8 > np.corrcoef(early[30:], late[30:])[0, 1]
    assert np.all(deviation > 0)


def test_an_early_value_makes_the_end_surer_and_a_later_one_more_so() -> None:
    """Runs that go on as they began: what one has shown says much of its end, wherever it is."""
    points = SPACE.snapped(np.random.default_rng(5).random((31, len(SPACE))))
    values, rungs = bowl(points), (1 / 9, 1 / 3, 1.0)
    asked = points[30:]

    def deviation(passed: tuple[float, ...]) -> float:
        told = Observations(
            points=np.concatenate([*[points[:30]] * 3, *[asked] * len(passed)]),
            shares=np.concatenate([np.repeat(rungs, 30), passed]),
            values=np.concatenate([*[values[:30]] * 3, *[values[30:]] * len(passed)]),
            pending=np.empty((0, len(SPACE))),
        )
        return float(believe(SPACE, told).at_the_end(asked)[1][0])

    assert deviation(()) > 2 * deviation(rungs[:1]) > 2 * deviation(rungs[:2])


def test_what_is_asked_for_is_taken_for_granted_and_changes_no_expectation() -> None:
    belief = believe(SPACE, seen(SPACE, 20))
    asked, elsewhere = seen(SPACE, 4).pending, SPACE.snapped(np.random.default_rng(8).random((6, len(SPACE))))
    assert belief.after(asked) is belief
    sure = belief.after(elsewhere[:3])
    assert sure.at_the_end(elsewhere)[0] == pytest.approx(belief.at_the_end(elsewhere)[0], abs=1e-6)
    assert np.all(sure.at_the_end(elsewhere[:3])[1] < 0.5 * belief.at_the_end(elsewhere[:3])[1])


def test_a_belief_knows_the_best_end_in_units_of_the_metric() -> None:
    observations = seen(SPACE, 30)
    belief = believe(SPACE, observations)
    assert belief.in_units(belief.best) == pytest.approx(observations.values.max(), abs=0.05)
    nothing_finished = believe(SPACE, replace(observations, shares=np.full(30, 1 / 9)))
    assert math.isfinite(nothing_finished.best)


def test_leaving_one_out_in_closed_form_is_leaving_each_out() -> None:
    random = np.random.default_rng(2)
    inputs, values = random.random((12, 2)), random.standard_normal(12)
    theta = gp.fit(inputs, values)
    mean, deviation = gp.condition(inputs, values, theta).leave_one_out(values)
    for index in range(12):
        rest = np.arange(12) != index
        alone, function = gp.condition(inputs[rest], values[rest], theta).predict(inputs[[index]])
        assert mean[index] == pytest.approx(alone[0])
        assert deviation[index] == pytest.approx(math.hypot(function[0], math.exp(theta[-1] / 2)), rel=1e-3)

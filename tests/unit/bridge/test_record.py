"""What Optuna is told of a trial."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState as OptunaState

from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from studies.storage.optuna_bridge.record import (
    MAX_POINTS,
    STATE,
    TRIAL_ID,
    distributions_for,
    ending,
    intermediate_values,
    optuna_trial,
)
from studies.storage.port import SettledTrial


def curve(*values: float) -> Curve:
    return Curve(np.arange(1, len(values) + 1, dtype=np.int64) * 50, np.asarray(values, np.float64))


def settled(state: TrialState = TrialState.COMPLETED, **changes: Any) -> SettledTrial:
    given_trial: dict[str, Any] = {
        "trial_id": "tr_1",
        "stage": "lr_sweep",
        "params": {"lr": 0.1},
        "state": state,
        "score": 0.9,
        "curve": curve(0.5, 0.9),
        "attributes": {"seed": 3, "reason": "a coarse rate"},
    }
    return SettledTrial(**{**given_trial, **changes})


ENDINGS = {
    "completed": (settled(), (OptunaState.COMPLETE, 0.9)),
    "completed without a score": (settled(score=None), (OptunaState.FAIL, None)),
    "completed with NaN": (settled(score=math.nan), (OptunaState.FAIL, None)),
    "completed with infinity": (settled(score=math.inf), (OptunaState.FAIL, None)),
    "pruned": (settled(TrialState.PRUNED, score=None), (OptunaState.PRUNED, 0.9)),
    "diverged": (settled(TrialState.DIVERGED, curve=curve(0.4, math.nan)), (OptunaState.PRUNED, 0.4)),
    "diverged at once": (settled(TrialState.DIVERGED, curve=curve(math.nan)), (OptunaState.FAIL, None)),
    "failed": (settled(TrialState.FAILED), (OptunaState.FAIL, None)),
    "cancelled": (settled(TrialState.CANCELLED), (OptunaState.FAIL, None)),
}


@pytest.mark.parametrize(("trial", "expected"), ENDINGS.values(), ids=ENDINGS)
def test_how_an_end_is_told(trial: SettledTrial, expected: tuple[OptunaState, float | None]) -> None:
    assert ending(trial) == expected
    told = optuna_trial(trial, distributions_for([trial], {}))
    assert (told.state, told.value) == expected
    assert told.user_attrs == {"seed": 3, "reason": "a coarse rate", TRIAL_ID: "tr_1", STATE: trial.state.value}


def test_a_long_curve_is_thinned_log_spaced() -> None:
    points = intermediate_values(curve(*np.linspace(0, 1, 10_000)))
    steps = list(points)
    assert len(points) <= MAX_POINTS
    assert steps[:3] == [50, 100, 150]
    assert steps[-1] == 500_000
    assert steps[-1] - steps[-2] > 1_000 * (steps[1] - steps[0]) / 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(), max_size=400))
def test_intermediate_values_are_finite_points_of_the_curve(values: list[float]) -> None:
    whole = curve(*values)
    points = intermediate_values(whole)
    finite = {int(step): value for step, value in zip(whole.steps, whole.values, strict=True) if math.isfinite(value)}
    assert points.items() <= finite.items()
    assert len(points) <= MAX_POINTS
    assert not finite or (min(points), max(points)) == (min(finite), max(finite))


DISTRIBUTIONS: dict[str, tuple[list[object], BaseDistribution | None, BaseDistribution]] = {
    "rates": ([1.0, 0.1, 0.01], None, FloatDistribution(0.01, 1.0, log=True)),
    "momenta": ([0.8, 0.95], None, FloatDistribution(0.8, 0.95)),
    "one value": ([0.9], None, FloatDistribution(0.9, 0.9)),
    "with zero": ([0.0, 1.0], None, FloatDistribution(0.0, 1.0)),
    "whole and broken": ([1, 0.5], None, FloatDistribution(0.5, 1.0)),
    "batch sizes": ([32, 128], None, IntDistribution(32, 128)),
    "texts": (["adam", "sgd", "adam"], None, CategoricalDistribution(["adam", "sgd"])),
    "flags": ([True, False], None, CategoricalDistribution([True, False])),
    "a wider range": ([0.5], FloatDistribution(1.0, 2.0), FloatDistribution(0.5, 2.0)),
    "whole numbers among broken": ([3], FloatDistribution(1.0, 2.0), FloatDistribution(1.0, 3.0)),
    "zero on a log axis": ([0.0], FloatDistribution(0.1, 1.0, log=True), FloatDistribution(0.1, 1.0, log=True)),
    "more batch sizes": ([16], IntDistribution(32, 64), IntDistribution(16, 64)),
    "broken among whole": ([0.5], IntDistribution(32, 64), IntDistribution(32, 64)),
    "other texts": (["c"], CategoricalDistribution(["a", "b"]), CategoricalDistribution(["a", "b"])),
}


@pytest.mark.parametrize(("values", "recorded", "expected"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_a_distribution_holds_the_values_and_keeps_its_kind(
    values: list[object], recorded: BaseDistribution | None, expected: BaseDistribution
) -> None:
    trials = [settled(params={"x": value}) for value in values]
    assert distributions_for(trials, {"x": recorded} if recorded else {}) == {"x": expected}


def test_a_value_that_does_not_fit_becomes_an_attribute() -> None:
    trial = settled(params={"lr": 0.1, "optimizer": "lion", "batch_size": 1.5})
    earlier = {"optimizer": CategoricalDistribution(["sgd"]), "batch_size": IntDistribution(1, 2)}
    told = optuna_trial(trial, distributions_for([trial], earlier))
    assert told.params == {"lr": 0.1}
    assert told.user_attrs["stagetune_param_optimizer"] == "lion"
    assert told.user_attrs["stagetune_param_batch_size"] == 1.5

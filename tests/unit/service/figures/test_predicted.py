"""The check of the search's model: what it expects of each point without having seen it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from service.figures.predicted import FEWEST, MOST, PredictedData, predicted_data, predicted_drawing
from studies.contract.states import TrialState
from studies.contract.views import TrialView
from tests.builders import spec
from tests.unit.service.figures.samples import scored

SPEC = spec(strategy="guided_search", budget={"steps": 100, "trials": 40})


def points(count: int, *, noise: float = 0.0) -> list[TrialView]:
    """Runs whose score is a smooth function of the learning rate."""
    random = np.random.default_rng(0)
    rates = 10 ** random.uniform(-4, 0, count)
    scores = 0.9 - 0.02 * (np.log10(rates) + 2) ** 2 + noise * random.normal(size=count)
    return [
        scored(n, float(score), params={"lr": float(lr), "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0})
        for n, (lr, score) in enumerate(zip(rates, scores, strict=True))
    ]


def test_a_smooth_function_is_expected_almost_exactly() -> None:
    data = predicted_data(points(30), SPEC, "tr_3")
    errors = [abs(row.observed - row.expected) for row in data.rows]
    assert np.median(errors) < 0.003 < np.std([row.observed for row in data.rows])
    assert [row.trial.number for row in data.rows if row.chosen] == [3]


def test_noise_is_in_the_spread() -> None:
    data = predicted_data(points(40, noise=0.02), SPEC)
    inside = sum(abs(row.observed - row.expected) <= row.spread for row in data.rows)
    assert inside >= 30


def test_a_point_far_worse_than_the_others_does_not_rule_the_model() -> None:
    lost = scored(99, 0.001, params={"lr": 0.5, "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0})
    assert min(row.observed for row in predicted_data([*points(20), lost], SPEC).rows) > 0.5


@pytest.mark.parametrize(
    "trials",
    [
        [],
        points(FEWEST - 1),
        [scored(n, 0.5, params={"lr": 0.1 + n, "batch_size": 64}) for n in range(20)],
        [trial.model_copy(update={"state": TrialState.PRUNED}) for trial in points(20)],
        [trial.model_copy(update={"num_steps": 10}) for trial in points(20)],
    ],
)
def test_too_few_whole_runs_say_so(trials: list[TrialView]) -> None:
    data = predicted_data(trials, SPEC)
    assert data.rows == ()
    assert "The model cannot be checked yet" in predicted_drawing(data, LIGHT).sentence


def test_of_many_the_latest_are_checked() -> None:
    data = predicted_data(points(MOST + 30), SPEC)
    assert [row.trial.number for row in data.rows] == list(range(30, MOST + 30))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property(palette) -> None:
    data: PredictedData = predicted_data(points(12), SPEC, "tr_1")
    drawing = predicted_drawing(data, palette)
    go.Figure(drawing.figure)
    to_json(drawing)
    assert "of 12 within two standard deviations" in drawing.sentence

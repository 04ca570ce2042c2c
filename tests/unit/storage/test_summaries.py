"""What is known of a metric at a glance: brought up to date piece by piece, and as bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.core.curves import sketch
from studies.core.snapshot import Curve
from studies.storage.summaries import Running, extended, packed, scored, unpacked
from tests import builders as build


def _noise(first: int, count: int) -> Curve:
    return Curve(np.arange(first, first + count), np.random.default_rng(first).normal(size=count))


def _points(curve: Curve) -> list[tuple[int, float]]:
    return list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))


def test_pieces_lead_to_the_sketch_of_the_whole() -> None:
    whole = _noise(1, 1_000)
    known: Running | None = None
    for start in range(0, 1_000, 100):
        known = extended(known, Curve(whole.steps[start : start + 100], whole.values[start : start + 100]))
    assert known is not None
    assert _points(known.thinned) == _points(sketch(whole))
    assert (known.summary.count, known.summary.last_step) == (1_000, 1_000)


def test_a_piece_that_comes_late_is_put_in_its_place() -> None:
    early, late = _noise(1, 50), _noise(51, 50)
    known = extended(extended(None, late), early)
    assert bool(np.all(np.diff(known.thinned.steps) > 0))
    assert (known.thinned.steps[0], known.summary.last_step) == (1, 100)


def test_bytes_bring_the_thinned_curve_back() -> None:
    thinned = sketch(Curve(np.array([1, 2, 2**31 - 1]), np.array([0.1, np.nan, -np.inf])))
    back = unpacked(packed(thinned))
    assert back.steps.tolist() == thinned.steps.tolist()
    assert np.array_equal(back.values, thinned.values, equal_nan=True)
    assert len(unpacked(None)) == 0


@pytest.mark.parametrize(
    ("state", "direction", "expected"),
    [
        pytest.param(TrialState.COMPLETED, "maximize", 0.9, id="highest"),
        pytest.param(TrialState.COMPLETED, "minimize", 0.1, id="lowest"),
        pytest.param(TrialState.DIVERGED, "maximize", None, id="not completed"),
    ],
)
def test_only_a_completed_trial_has_a_score(state: TrialState, direction: str, expected: float | None) -> None:
    summary = extended(None, Curve(np.array([1, 2]), np.array([0.1, 0.9]))).summary
    metric = Metric.model_validate({"name": "dev_accuracy", "direction": direction})
    trial = replace(build.trial_record(), state=state)
    assert scored(trial, {"dev_accuracy": summary}, metric).score == expected

"""Diagnosis: each symptom of the guide's section 6 that curves can show, and silence over a healthy run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.diagnosis import diagnose
from studies.core.snapshot import Curve

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(400)
FALL = np.exp(-np.arange(400) / 40)
HEALTHY = 0.1 + 2.2 * FALL + 0.02 * NOISE
LN10 = math.log(10)


def curve(values: object) -> Curve:
    array = np.asarray(values, np.float64)
    return Curve(np.arange(array.size, dtype=np.int64), array)


@pytest.mark.parametrize(
    ("loss", "classes", "symptoms"),
    [
        pytest.param(HEALTHY, 10, [], id="healthy"),
        pytest.param([*HEALTHY, math.nan], 10, ["not_finite"], id="NaN"),
        pytest.param([*HEALTHY, 1e300], 10, ["not_finite"], id="as good as infinite"),
        pytest.param(np.r_[2.3, np.full(200, 40.0)], 10, ["huge"], id="huge"),
        pytest.param(np.r_[HEALTHY, np.zeros(20)], 10, ["exactly_zero"], id="exactly zero"),
        pytest.param(np.zeros(5), 10, [], id="too short to judge"),
        pytest.param(LN10 + 0.01 * NOISE, 10, ["stuck"], id="stuck near ln(classes)"),
        pytest.param(5 * FALL + LN10, 10, ["stuck"], id="falls to guessing and no further"),
        pytest.param(5 * FALL + LN10, None, [], id="2.3 means nothing without classes"),
        pytest.param(np.full(100, 7.0), None, ["stuck"], id="never falls"),
        pytest.param(np.linspace(2.3, 1.8, 400) + 0.01 * NOISE, 10, ["too_slow"], id="too slow"),
        pytest.param(0.5 + 1.8 * FALL + 0.4 * np.abs(NOISE), 10, [], id="noisy but falling"),
        pytest.param(1.0 + 1.3 * FALL + 0.8 * np.sign(NOISE), None, ["oscillating"], id="oscillating"),
        pytest.param([], 10, [], id="no loss"),
    ],
)
def test_symptoms_of_the_loss(loss: object, classes: int | None, symptoms: list[str]) -> None:
    assert [finding.symptom for finding in diagnose(curve(loss), classes=classes)] == symptoms


@pytest.mark.parametrize(
    ("train", "dev", "symptoms"),
    [
        (0.97, 0.96, []),
        (0.99, 0.80, ["overfitting"]),
        (0.80, 0.90, ["underfitting"]),
        (0.90, 0.91, []),
        (math.nan, 0.5, []),
        (0.5, math.nan, []),
    ],
)
def test_the_gap_between_train_and_dev(train: float, dev: float, symptoms: list[str]) -> None:
    found = diagnose(curve(HEALTHY), curve(np.full(400, train)), curve(np.full(10, dev)), 10)
    assert [finding.symptom for finding in found] == symptoms


def test_a_finding_says_what_is_seen_why_and_what_to_do() -> None:
    (finding,) = diagnose(curve(LN10 + 0.01 * NOISE), classes=10)
    assert "guessing among 10 classes costs 2.3" in finding.evidence
    assert any("learning rate" in cause for cause in finding.causes)
    assert finding.next_step.endswith(".")


@given(st.lists(st.floats(width=64), max_size=60), st.lists(st.floats(width=64), max_size=8), st.integers(0, 5))
def test_no_curve_makes_it_raise(loss: list[float], dev: list[float], classes: int) -> None:
    for finding in diagnose(curve(loss), curve(dev), curve(dev), classes):
        assert finding.evidence
        assert finding.causes

"""Curves on their way into a figure."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.figures.drawing import Drawing, to_json
from service.figures.labels import escape
from service.figures.series import POINTS_OF_A_FIGURE, final_value, gaps, points_each, series, smoothed
from studies.core.snapshot import Curve
from tests.unit.service.figures.samples import HOSTILE, curve, falling


@given(st.lists(st.floats(), max_size=300))
def test_any_float_becomes_json_and_only_what_is_finite_stays(values: list[float]) -> None:
    points = series(curve(*values), 60)
    parsed = json.loads(json.dumps(points.values, allow_nan=False))
    assert all(value is None or math.isfinite(value) for value in parsed)
    if np.isfinite(values).any():
        assert max(points.finite) == max(value for value in values if math.isfinite(value))


def test_a_gap_is_none() -> None:
    assert gaps([1.0, math.nan, math.inf, -math.inf]) == (1.0, None, None, None)


@pytest.mark.parametrize("curves", [0, 1, 30, 300, 10_000])
def test_a_figure_has_a_bounded_number_of_points(curves: int) -> None:
    assert 60 <= points_each(curves) <= 800
    assert points_each(curves) * curves <= max(POINTS_OF_A_FIGURE, 60 * curves)


def test_smoothing_0_is_the_curve_itself_and_100_is_flatter() -> None:
    noisy = curve(*np.random.default_rng(0).normal(1, 0.2, 200))
    assert smoothed(noisy, 0, 400).values == series(noisy, 400).values
    assert np.std(smoothed(noisy, 100, 400).finite) < 0.3 * np.std(noisy.values)


def test_the_final_value_is_the_smoothed_last_one() -> None:
    assert final_value(falling(0.1)) == pytest.approx(0.1, abs=0.02)
    assert final_value(Curve.empty()) is None
    assert final_value(curve(math.nan, math.nan)) is None


def test_a_nan_in_a_figure_is_refused_rather_than_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(Drawing("", {"data": [math.nan]}))


def test_markup_is_shown_as_it_is() -> None:
    assert "<" not in escape(HOSTILE)
    assert escape("a < b & c") == "a &lt; b &amp; c"

"""The grey curves behind the others: one series, a gap behind each, smoothed each on its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.figures.background import background
from tests.unit.service.figures.samples import curve


def test_a_gap_stands_behind_every_curve() -> None:
    points = background([curve(1.0, 2.0), curve(3.0)])
    assert points.steps == (1, 2, 2, 1, 1)
    assert points.values == (1.0, 2.0, None, 3.0, None)


def test_without_curves_there_is_nothing() -> None:
    assert len(background([])) == 0


def test_what_is_not_finite_is_a_gap_and_hides_nothing_beside_it() -> None:
    points = background([curve(1.0, math.nan, 3.0, math.inf, 5.0)], strength=100)
    assert [value is None for value in points.values] == [False, True, False, True, False, True]


@pytest.mark.parametrize("strength", [20, 100])
def test_no_curve_is_smoothed_into_another(strength: int) -> None:
    points = background([curve(*[1.0] * 60), curve(*[1e20] * 60)], strength)
    assert set(points.values) == {1.0, 1e20, None}


def test_a_smoothed_curve_keeps_its_mean() -> None:
    noise = np.random.default_rng(0).normal(5.0, 1.0, 64)
    rough, soft = (np.array(background([curve(*noise)], strength).values[:-1], float) for strength in (0, 100))
    assert soft.std() < rough.std() / 2
    assert soft.mean() == pytest.approx(rough.mean(), abs=0.2)


@pytest.mark.parametrize("value", [0.0, 1.23456789, -98765.4321, 1e-40, 3.4e38, -1e-12])
def test_values_are_rounded_to_what_a_line_can_show(value: float) -> None:
    (shown, _) = background([curve(value)]).values
    assert shown == pytest.approx(value, rel=1e-4)
    assert len(repr(shown)) <= len("-1.2346e-12")

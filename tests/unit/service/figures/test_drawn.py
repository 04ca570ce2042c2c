"""A curve on its way to the screen: smoothed, placed, thinned, finer where one looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.figures.axes import Ruler
from service.figures.drawn import EVERY_POINT, OUTSIDE_POINTS, CurveLook, draw_curve
from studies.core.snapshot import Curve
from tests.unit.service.figures.samples import curve

LONG = Curve(np.arange(1, 10_001), np.random.default_rng(0).normal(size=10_000))


def points(look: CurveLook, most: int = 100, by: Ruler | None = None):
    return draw_curve(LONG, look, most, by or Ruler()).curve


def test_a_zoom_shows_up_to_as_many_points_within_it() -> None:
    whole, part = points(CurveLook("loss")), points(CurveLook("loss", start=5_000, end=5_400))
    inside = [step for step in part.steps if 5_000 <= step <= 5_400]
    assert len(whole.steps) <= 100
    assert 80 < len(inside) <= 100
    assert len(part.steps) <= 100 + 2 * OUTSIDE_POINTS


def test_all_points_of_a_narrow_zoom_are_there() -> None:
    part = points(CurveLook("loss", start=5_000, end=5_020))
    assert [step for step in part.steps if 5_000 <= step <= 5_020] == list(range(5_000, 5_021))


def test_both_ends_stay_so_that_one_can_drag() -> None:
    part = points(CurveLook("loss", start=5_000, end=5_020))
    assert (part.steps[0], part.steps[-1]) == (1, 10_000)
    assert list(part.steps) == sorted(part.steps)


def test_a_zoom_is_in_units_of_the_axis() -> None:
    look = CurveLook("loss", axis="samples", start=64 * 5_000, end=64 * 5_020)
    found = points(look, by=Ruler(batch_size=64))
    assert [s for s in found.steps if look.start <= s <= look.end] == [64 * s for s in range(5_000, 5_021)]


def test_a_smoothed_curve_keeps_the_raw_one_at_its_range() -> None:
    both = draw_curve(LONG, CurveLook("loss", smooth=50, start=100, end=200), 100)
    assert np.std(both.curve.finite) < np.std(both.raw.finite) / 3
    assert both.raw.values[both.raw.steps.index(150)] == pytest.approx(LONG.values[149], rel=1e-4)


def test_every_point_is_every_point_as_it_was_reported() -> None:
    whole = points(CurveLook("loss", points=EVERY_POINT))
    assert whole.values == tuple(LONG.values.tolist())


def test_what_cannot_be_placed_is_none() -> None:
    assert draw_curve(curve(1.0, 2.0), CurveLook("loss", axis="epoch"), 100) is None


@given(st.floats(-10, 200), st.floats(-10, 200), st.integers(4, 50))
def test_no_range_breaks_a_curve(start: float, end: float, most: int) -> None:
    look = CurveLook("loss", start=start, end=end)
    found = draw_curve(Curve(LONG.steps[:100], LONG.values[:100]), look, most).curve
    if start <= end:
        assert sorted(set(found.steps)) == list(found.steps)
        assert min(found.steps) == 1
        assert max(found.steps) == 100


@pytest.mark.parametrize("look", [CurveLook("loss"), CurveLook("loss", 100, start=1, end=2)])
def test_an_empty_curve_has_no_points(look: CurveLook) -> None:
    assert len(draw_curve(Curve.empty(), look, 10).curve) == 0

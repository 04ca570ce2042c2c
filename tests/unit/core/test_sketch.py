"""The running thinned curve: what it keeps, and that it is the same however the points came in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.curves import sketch
from studies.core.curves.sketch import BUCKETS
from studies.core.snapshot import Curve

VALUES = st.floats(width=32) | st.floats(width=64)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    gaps = draw(st.lists(st.integers(1, 40), min_size=1, max_size=300))
    values = draw(st.lists(VALUES, min_size=len(gaps), max_size=len(gaps)))
    first = draw(st.integers(0, 100_000))
    return Curve(first + np.cumsum(gaps), np.array(values, np.float64))


def _same(first: Curve, second: Curve) -> bool:
    return np.array_equal(first.steps, second.steps) and np.array_equal(first.values, second.values, equal_nan=True)


def _part(curve: Curve, part: slice) -> Curve:
    return Curve(curve.steps[part], curve.values[part])


@given(curve=curves(), cut=st.integers(1, 300))
def test_continued_from_what_was_kept_it_is_the_sketch_of_all_points(curve: Curve, cut: int) -> None:
    kept = sketch(_part(curve, slice(cut)))
    rest = _part(curve, slice(cut, None))
    continued = Curve(np.concatenate((kept.steps, rest.steps)), np.concatenate((kept.values, rest.values)))
    assert _same(sketch(continued), sketch(curve))


@given(curve=curves())
def test_it_is_short_and_keeps_both_ends_and_the_extremes(curve: Curve) -> None:
    kept = sketch(curve)
    assert len(kept) <= 2 * BUCKETS + 2
    assert (kept.steps[0], kept.steps[-1]) == (curve.steps[0], curve.steps[-1])
    assert bool(np.all(np.diff(kept.steps) > 0))
    with np.errstate(over="ignore"):
        single = curve.values.astype(np.float32)
    finite, kept_finite = single[np.isfinite(single)], kept.values[np.isfinite(kept.values)]
    assert (finite.size == 0) == (kept_finite.size == 0)
    if finite.size:
        assert (kept_finite.min(), kept_finite.max()) == (finite.min(), finite.max())


def test_few_points_are_all_kept() -> None:
    curve = Curve(np.arange(1, BUCKETS), np.arange(1.0, BUCKETS))
    assert _same(sketch(curve), curve)
    assert len(sketch(Curve.empty())) == 0


def test_a_long_gap_stays_a_gap_and_a_spike_stays_a_spike() -> None:
    values = np.ones(1_000)
    values[300:700] = np.nan
    values[850] = 1e3
    kept = sketch(Curve(np.arange(1, 1_001), values))
    silent = kept.steps[np.isnan(kept.values)]
    assert silent.min() < 350
    assert silent.max() > 600
    assert 1e3 in kept.values


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_what_single_precision_cannot_hold_becomes_a_gap(value: float) -> None:
    kept = sketch(Curve(np.array([1, 2]), np.array([value, 1.0])))
    assert np.isinf(kept.values[0])

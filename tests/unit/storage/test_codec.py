"""Points as bytes: exact, and small for what training produces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.curves import Ragged
from studies.core.snapshot import Curve
from studies.storage.codec import decode, encode


def _curve(steps: list[int], values: list[float]) -> Curve:
    return Curve(np.array(steps, np.int64), np.array(values, np.float64))


@given(st.dictionaries(st.integers(0, 2**62), st.floats() | st.floats(width=32), min_size=1, max_size=60))
def test_every_point_comes_back(points: dict[int, float]) -> None:
    steps = sorted(points)
    curve = _curve(steps, [points[step] for step in steps])
    again = decode(encode(Ragged.of([curve]))[0])
    assert np.array_equal(again.steps, curve.steps)
    assert np.array_equal(again.values, curve.values, equal_nan=True)
    assert np.array_equal(np.signbit(again.values), np.signbit(curve.values)) or np.isnan(curve.values).any()


@pytest.mark.parametrize(
    ("steps", "values", "step_bytes", "value_bytes"),
    [
        pytest.param([5, 6, 7], [0.5, 0.25, 1.0], None, 12, id="every step, single precision"),
        pytest.param([50, 100, 150], [0.1, 0.2, 0.3], None, 24, id="regular, double precision"),
        pytest.param([1, 2, 4], [0.5] * 3, 12, 12, id="irregular"),
        pytest.param([1, 2, 2**40], [0.5] * 3, 24, 12, id="far steps"),
        pytest.param([9], [float("nan")], None, 4, id="one NaN"),
        pytest.param([1, 2], [1e300, -1e-300], None, 16, id="beyond single precision"),
        pytest.param([1, 2, 3], [float("inf"), float("-inf"), -0.0], None, 12, id="infinities and minus zero"),
    ],
)
def test_the_narrowest_form_is_chosen(
    steps: list[int], values: list[float], step_bytes: int | None, value_bytes: int
) -> None:
    (encoded,) = encode(Ragged.of([_curve(steps, values)]))
    assert (encoded.steps and len(encoded.steps), len(encoded.values)) == (step_bytes, value_bytes)

"""A hyperparameter as a coordinate: scales, listed values, rounding, and what the model sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.search.dimensions import Categorical, Dimension, Numeric, ordered

RATE = Numeric("lr", 1e-5, 1.0, "log")
MOMENTUM = Numeric("momentum", 0.0, 0.99, "complement")
UNITS = Numeric("units", 16.0, 512.0, "log", integer=True)
DECAY = Numeric("weight_decay", 0.0, 1e-2, "log")
BATCH = ordered("batch_size", (64, 16, 256), "log")
LISTED_DECAY = ordered("weight_decay", (0.0, 1e-4, 1e-3), "log")
ACTIVATION = Categorical("activation", ("relu", "gelu", True))
ALL: tuple[Dimension, ...] = (RATE, MOMENTUM, UNITS, DECAY, BATCH, LISTED_DECAY, ACTIVATION)


@pytest.mark.parametrize(
    ("dimension", "coordinate", "value"),
    [
        pytest.param(RATE, 0.0, 1e-5, id="a log range at its low end"),
        pytest.param(RATE, 0.6, 0.01, id="a log range in between"),
        pytest.param(MOMENTUM, 0.5, 0.9, id="half way between 1 and 100 updates averaged is 10"),
        pytest.param(UNITS, 0.2, 32, id="whole numbers"),
        pytest.param(DECAY, 0.0, 0.0, id="zero on a log scale"),
        pytest.param(DECAY, 2 / 3, 1e-3, id="a log range above zero"),
        pytest.param(BATCH, 0.4, 64, id="the nearest listed value"),
        pytest.param(LISTED_DECAY, 0.1, 0.0, id="a listed zero"),
        pytest.param(ACTIVATION, 0.5, "gelu", id="the middle of three"),
        pytest.param(ACTIVATION, 1.0, True, id="the last of three"),
    ],
)
def test_a_coordinate_stands_for_a_value(dimension: Dimension, coordinate: float, value: object) -> None:
    assert dimension.value(coordinate) == value


@given(st.sampled_from(ALL), st.floats(0, 1))
def test_a_value_comes_back_from_its_coordinate(dimension: Dimension, coordinate: float) -> None:
    value = dimension.value(coordinate)
    assert dimension.value(dimension.coordinate(value)) == value


@given(st.sampled_from(ALL), st.floats(0, 1))
def test_snapped_is_where_the_value_stands(dimension: Dimension, coordinate: float) -> None:
    (snapped,) = dimension.snapped(np.array([coordinate]))
    assert snapped == pytest.approx(dimension.coordinate(dimension.value(coordinate)), abs=5e-3)


def test_what_lies_outside_stands_at_the_end() -> None:
    assert (RATE.coordinate(10.0), RATE.coordinate(1e-9), ACTIVATION.coordinate("tanh")) == (1.0, 0.0, 1 / 6)


def test_one_value_does_not_move() -> None:
    fixed = ordered("batch_size", (64,), "log")
    assert (fixed.moves, fixed.coordinate(64), fixed.value(0.7)) == (False, 0.0, 64)
    assert not Categorical("activation", ("relu",)).moves


def test_values_without_order_are_all_as_far_apart() -> None:
    columns = ACTIVATION.features(np.array([0.1, 0.5, 0.9]))
    distances = [float(np.linalg.norm(columns[a] - columns[b])) for a, b in ((0, 1), (1, 2), (0, 2))]
    assert distances == pytest.approx([1.0, 1.0, 1.0])

"""Scales: values to pixels, in order, within their ends; and how they follow from a Plotly axis."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.svg.scale import Scale, kind_of, scale_of

POSITIVE = some.floats(1e-9, 1e9)


@given(
    some.lists(
        some.one_of(some.none(), some.floats(-1e100, 1e100), some.sampled_from([math.nan, math.inf])), min_size=1
    ),
    some.sampled_from(["linear", "log"]),
)
def test_every_value_lies_within_the_axis_or_nowhere(values: list[float | None], kind: str) -> None:
    scale = scale_of({"type": kind}, list(values), 0.05).between(10, 110)
    for value in values:
        at = scale.at(value)
        assert at is None or 10 - 1e-6 <= at <= 110 + 1e-6
        lies = value is not None and math.isfinite(value) and (kind == "linear" or value > 0)
        assert (at is not None) is lies


@given(some.lists(POSITIVE, min_size=2, unique=True), some.sampled_from(["linear", "log"]))
def test_larger_values_lie_further(values: list[float], kind: str) -> None:
    scale = scale_of({"type": kind}, list(values), 0.05).between(0, 1000)
    places = [scale.at(value) or 0.0 for value in sorted(values)]
    assert places == sorted(places)


def test_a_reversed_axis_begins_with_its_highest_value() -> None:
    scale = scale_of({"autorange": "reversed"}, [1.0, 2.0], 0).between(0, 100)
    assert (scale.at(2.0), scale.at(1.0)) == (0, 100)
    names = scale_of({"type": "category", "autorange": "reversed"}, ["a", "b"], 0).between(0, 100)
    assert (names.at("b"), names.at("a")) == (25, 75)


@pytest.mark.parametrize(
    ("axis", "values", "ends"),
    [
        pytest.param({"range": [0, 8]}, [1.0], (0, 8), id="as it says"),
        pytest.param({"type": "log", "range": [-3, 1]}, [1.0], (-3, 1), id="in powers of ten on a log axis"),
        pytest.param({"rangemode": "tozero"}, [50.0, 100.0], (0, 102.5), id="from zero"),
        pytest.param({}, [3.0], (1.5, 4.5), id="around a single value"),
        pytest.param({}, [0.0, 0.0], (-0.5, 0.5), id="around zero"),
        pytest.param({}, [None], (0, 1), id="of nothing"),
        pytest.param({"type": "category"}, ["32", "64"], (-0.5, 1.5), id="of names"),
    ],
)
def test_ends(axis: dict[str, Any], values: list[object], ends: tuple[float, float]) -> None:
    scale = scale_of(axis, values, 0.05)
    assert (scale.low, scale.high) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("axis", "values", "kind"),
    [
        ({"type": "log"}, [1], "log"),
        ({"type": "category"}, [1], "category"),
        ({}, ["a", None], "category"),
        ({}, [1, 2], "linear"),
        ({"type": "linear"}, ["a"], "linear"),
        ({}, [], "linear"),
    ],
)
def test_kinds(axis: dict[str, Any], values: list[object], kind: str) -> None:
    assert kind_of(axis, values) == kind


def test_names_that_are_not_there_and_truth_values_have_no_place() -> None:
    assert Scale("category", -0.5, 0.5, names=("a",)).at("b") is None
    assert Scale("linear", 0, 1).at(value=True) is None

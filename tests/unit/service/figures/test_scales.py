"""Which axes can be logarithmic: read off what is drawn."""

from __future__ import annotations

import pytest

from service.figures.scales import Scale, scales_of


def figure(*traces, **axes):
    return {"data": list(traces), "layout": {"xaxis": {"type": "linear"}, "yaxis": {"type": "linear"}, **axes}}


@pytest.mark.parametrize(
    ("values", "can"), [((1, 2.5), True), ((None, 3), True), ((0, 1), False), ((1, -1e-9), False), ((), True)]
)
def test_an_axis_is_logarithmic_only_above_zero(values: tuple[float | None, ...], can: bool) -> None:
    scales = scales_of(figure({"x": [1], "y": list(values)}))
    assert scales["x"] == Scale("linear", "")
    assert (scales["y"].no_log == "") == can


def test_another_axis_is_no_hindrance() -> None:
    shapes, curves = {"x": [1], "y": [0.0], "yaxis": "y2"}, {"x": [1], "y": [0.5]}
    assert scales_of(figure(shapes, curves))["y"].no_log == ""


def test_it_says_how_the_axis_is_drawn() -> None:
    assert scales_of(figure({"x": [1], "y": [1]}, xaxis={"type": "log"}))["x"].kind == "log"


def test_categories_and_figures_without_axes_have_none() -> None:
    assert scales_of(figure({"x": ["a"], "y": [1]}, xaxis={"type": "category"})).keys() == {"y"}
    assert scales_of({"data": [{"type": "parcoords"}], "layout": {}}) == {}
    assert scales_of(None) == {}

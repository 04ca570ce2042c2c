"""Curves of several trials on one axis: the data, and what is said of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from service.figures.axes import Ruler, Span
from service.figures.compare import COLORS, DASHES, Compared, CompareData, compare_data, style
from service.figures.compare_drawing import compare_drawing
from service.figures.drawn import CurveLook
from service.figures.names import index_at
from service.figures.palette import DARK, LIGHT
from service.figures.series import Series
from studies.contract.states import TrialState
from tests.unit.service.figures.samples import HOSTILE, curve, falling, trial

LOOK = CurveLook("dev_accuracy")


def compared(number: int, batch_size: int | None = 64, seconds: float = 100.0, **fields: Any) -> Compared:
    by = Ruler(batch_size, 640, None, (Span(0, 100, seconds),))
    return Compared(trial(number, **fields), f"#{number}", f"lr {number}", by)


def drawn(*members: Compared, **more: Any) -> CompareData:
    curves = {member.trial.id: curve(0.1, 0.5 + 0.01 * member.trial.number) for member in members}
    return compare_data(members, curves, more.pop("look", LOOK), **more)


def test_every_curve_stands_where_its_own_ruler_says() -> None:
    data = drawn(compared(1), compared(2, batch_size=128), look=CurveLook("dev_accuracy", axis="samples"))
    assert [line.curve.steps for line in data.lines] == [(64.0, 128.0), (128.0, 256.0)]


def test_who_cannot_be_placed_is_named_and_the_others_are_drawn() -> None:
    data = drawn(
        compared(1),
        compared(2, batch_size=None),
        compared(3, batch_size=None),
        look=CurveLook("dev_accuracy", axis="samples"),
        maximize=True,
    )
    assert [line.of.name for line in data.lines] == ["#1"]
    drawing = compare_drawing(data, LIGHT)
    assert drawing.figure is not None
    assert "Left out: #2 and #3, whose batch size is not known." in drawing.sentence


def test_who_has_not_reported_is_named() -> None:
    members = [compared(1), compared(2)]
    data = compare_data(members, {"tr_1": curve(0.1, 0.2)}, LOOK)
    assert data.silent == ("#2",)
    assert "#2 has not reported dev accuracy." in compare_drawing(data, LIGHT).sentence


@pytest.mark.parametrize(("maximize", "words"), [(True, "Highest is #2 at 0.52."), (False, "Lowest is #1 at 0.1.")])
def test_the_sentence_says_who_is_best(maximize: bool, words: str) -> None:
    assert words in compare_drawing(drawn(compared(1), compared(2), maximize=maximize), LIGHT).sentence
    assert "est is" not in compare_drawing(drawn(compared(1), compared(2)), LIGHT).sentence


def test_times_are_in_a_unit_of_their_size() -> None:
    data = drawn(
        compared(1, seconds=36_000.0), compared(2, seconds=720_000.0), look=CurveLook("dev_accuracy", axis="time")
    )
    assert data.unit == (3600.0, "hours")
    drawing = compare_drawing(data, LIGHT)
    assert drawing.figure is not None
    assert drawing.figure["layout"]["xaxis"]["title"]["text"] == "time trained (hours)"
    assert drawing.figure["data"][2]["x"] == pytest.approx([2.0, 4.0])
    assert drawing.table.rows[1][-1] == "4 hours"


def test_neighbours_differ_in_colour_and_dash_and_no_two_look_the_same() -> None:
    styles = [style(place) for place in range(30)]
    assert len(set(styles)) == 30
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(styles))
    assert len(LIGHT.series) == len(DARK.series) == COLORS
    assert len(DASHES) == 5


def test_a_line_keeps_its_look_when_another_has_no_curve() -> None:
    data = compare_data([compared(1), compared(2)], {"tr_2": curve(0.1)}, LOOK)
    assert [line.place for line in data.lines] == [1]


def test_names_stand_on_the_lines_each_at_another_place() -> None:
    members = [compared(number) for number in range(4)]
    data = compare_data(members, {member.trial.id: falling(0.1) for member in members}, LOOK)
    figure = compare_drawing(data, LIGHT).figure
    assert figure is not None
    names = [trace for trace in figure["data"] if trace["mode"] == "text"]
    assert [trace["text"] for trace in names] == [["#0"], ["#1"], ["#2"], ["#3"]]
    places = [trace["x"][0] for trace in names]
    assert places == sorted(set(places))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.5, 3), (1.0, 5)])
def test_a_place_on_a_line(share: float, expected: int) -> None:
    points = Series((0.0, 1.0, 10.0, 50.0, 90.0, 100.0), (0.5, 0.4, 0.3, 0.2, None, 0.1))
    assert index_at(points, share) == expected


def test_a_line_of_gaps_has_no_place() -> None:
    assert index_at(Series((1.0,), (None,)), 0.5) is None


def test_smoothed_lines_keep_the_raw_one_faint_behind_them() -> None:
    member = compared(1)
    data = compare_data([member], {"tr_1": falling(0.1)}, CurveLook("loss", smooth=30))
    figure = compare_drawing(data, LIGHT).figure
    assert figure is not None
    assert [trace.get("opacity") for trace in figure["data"][:2]] == [0.22, 1.0]


def test_a_diverged_curve_does_not_flatten_the_others() -> None:
    members = [compared(1), compared(2, state=TrialState.DIVERGED)]
    curves = {"tr_1": curve(2.0, 1.0), "tr_2": curve(2.0, 1e12)}
    linear = compare_drawing(compare_data(members, curves, LOOK), LIGHT).figure
    assert linear is not None
    assert linear["layout"]["yaxis"]["range"] == pytest.approx([0.96, 2.04])


def test_nothing_to_draw_is_said() -> None:
    assert "No trial is chosen" in compare_drawing(compare_data([], {}, LOOK), LIGHT).sentence
    nan = compare_data([compared(1)], {"tr_1": curve(float("nan"))}, LOOK)
    assert "NaN or infinite" in compare_drawing(nan, LIGHT).sentence


def test_what_users_wrote_is_escaped() -> None:
    member = Compared(trial(1), HOSTILE, HOSTILE, Ruler())
    drawing = compare_drawing(compare_data([member], {"tr_1": curve(0.1, 0.2)}, LOOK), LIGHT)
    assert HOSTILE not in str(drawing.figure)

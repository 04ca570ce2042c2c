"""Hyperparameters as axes, parallel coordinates and each against the metric."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from service.figures.parallel import ParallelData, parallel_data, parallel_drawing
from service.figures.parameters import MOST_AXES, axes, strongest
from service.figures.rows import figure_rows
from service.figures.scales import scales_of
from service.figures.scatter import MOST, scatter_drawing
from studies.core.schedules import cosine
from tests.builders import spec
from tests.unit.service.figures.results import result
from tests.unit.service.figures.samples import HOSTILE

SPEC = spec(strategy="guided_search", space={"width": {"kind": "int", "low": 1, "high": 1000, "log": True}})
MINIMIZE = spec(strategy="guided_search", metric={"name": "dev_loss", "direction": "minimize"})
RESULTS = [
    result(0, 0.90, lr=0.001, batch_size=64, act="relu"),
    result(1, 0.95, lr=0.1, batch_size=64, act="gelu"),
    result(2, None, lr=1.0, batch_size=64, act="relu"),
    result(3, 0.92, lr=0.01, batch_size=64, act="relu", schedule=cosine(100, 60)),
]


def test_what_varied_has_an_axis_on_its_own_scale() -> None:
    found = axes(RESULTS, SPEC)
    assert [axis.name for axis in found] == ["lr", "act", "decay_form", "decay_start"]
    assert [found[0].place(each) for each in RESULTS] == pytest.approx([0, 2 / 3, 1, 1 / 3])
    assert found[0].ticks == tuple((pytest.approx(n / 3), text) for n, text in enumerate(("0.001", "0.01", "0.1", "1")))
    assert [text for _, text in found[1].ticks] == ["relu", "gelu"]


def test_a_range_of_the_study_file_says_whether_it_is_logarithmic() -> None:
    (width,) = axes([result(0, 0.1, width=1), result(1, 0.2, width=10), result(2, 0.3, width=100)], SPEC)
    assert [width.place(result(9, width=value)) for value in (1, 10, 100)] == pytest.approx([0, 0.5, 1])


def test_what_only_some_trials_have_or_nobody_changed_has_no_axis() -> None:
    assert axes([result(0, 0.1, lr=0.1, a=1), result(1, 0.2, lr=0.1, b=2)], SPEC) == ()
    assert axes([], SPEC) == ()


@given(st.lists(st.floats(1e-8, 1e3), min_size=2, max_size=50, unique=True))
def test_ticks_rise_from_end_to_end(values: list[float]) -> None:
    (lr,) = axes([result(n, 0.5, lr=value) for n, value in enumerate(values)], SPEC)
    places = [place for place, _ in lr.ticks]
    assert places == sorted(places)
    assert (places[0], places[-1]) == pytest.approx((0, 1))


def test_of_too_many_those_that_make_a_difference_stay() -> None:
    many = [
        result(n, float(n % 7), **{f"p{k:03}": (n % 7 if k == 250 else (n * (k + 3)) % 11) for k in range(300)})
        for n in range(77)
    ]
    kept = strongest(axes(many, SPEC), many)
    assert len(kept) == MOST_AXES
    assert "p250" in [axis.name for axis in kept]
    drawing = parallel_drawing(parallel_data(many, SPEC), LIGHT)
    assert "262 more hyperparameters made less of a difference" in drawing.sentence


# --- parallel coordinates ----------------------------------------------------------------------------------------


def lines(data: ParallelData, **given) -> dict[str, dict]:
    return {trace["name"]: trace for trace in parallel_drawing(data, LIGHT, **given).figure["data"]}


def test_a_trial_is_a_line_on_to_its_score_the_worst_first() -> None:
    data = parallel_data(RESULTS, SPEC)
    assert [row.result.number for row in data.rows] == [2, 0, 3, 1]
    assert [row.places[-1] for row in data.rows] == pytest.approx([-0.09, 0, 0.4, 1])
    assert (data.low, data.high) == (0.90, 0.95)


def test_lines_are_one_trace_a_group_with_gaps_between() -> None:
    drawn = lines(parallel_data(RESULTS, SPEC))
    assert set(drawn) == {"diverged", "best 3"}
    best = drawn["best 3"]
    assert [step for step, _ in enumerate(best["y"]) if best["y"][step] is None] == [5, 11, 17]
    assert {*best["customdata"]} == {"tr_0", "tr_1", "tr_3"}
    assert "dev accuracy 0.95" in best["text"][-1]


def test_the_lowest_is_the_best_when_minimising() -> None:
    data = parallel_data([result(n, n / 10, lr=0.1 * (n + 1)) for n in range(9)], MINIMIZE)
    assert set(lines(data)["best 3"]["customdata"]) == {"tr_0", "tr_1", "tr_2"}
    assert {"worse third", "middle third", "better third"} <= set(lines(data))


def test_selected_trials_stand_out() -> None:
    assert set(lines(parallel_data(RESULTS, SPEC), selected={3})["selected"]["customdata"]) == {"tr_3"}


def test_a_score_far_worse_than_the_others_ends_at_the_edge() -> None:
    drawing = parallel_drawing(
        parallel_data([*RESULTS, result(9, 0.001, lr=0.5, batch_size=64, act="relu")], SPEC), LIGHT
    )
    assert drawing.sentence.endswith("1 far worse one at the edge.")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([], "No trial has come to a result yet"),
        ([result(0, 0.5, lr=0.1)], "the same hyperparameters"),
        ([result(n, 0.5, lr=0.1) for n in range(5)], "the same hyperparameters"),
    ],
)
def test_without_anything_to_compare_there_is_a_sentence(results, said: str) -> None:
    drawing = parallel_drawing(parallel_data(results, SPEC), LIGHT)
    assert drawing.figure is None
    assert said in drawing.sentence
    assert scatter_drawing(parallel_data(results, SPEC), LIGHT, {}).figure is None


def test_all_diverged_are_lines_that_end_below_the_metric() -> None:
    data = parallel_data([result(n, None, lr=0.1 * (n + 1)) for n in range(3)], SPEC)
    assert set(lines(data)) == {"diverged"}
    assert scatter_drawing(data, LIGHT, {}).figure is None


def test_a_choice_of_many_says_so() -> None:
    assert parallel_drawing(parallel_data(RESULTS, SPEC, 10_000), LIGHT).sentence.startswith(
        "4 of 10,000 trials over lr"
    )


# --- scatter -----------------------------------------------------------------------------------------------------


def test_the_most_important_stand_first() -> None:
    drawing = scatter_drawing(parallel_data(RESULTS, SPEC), LIGHT, {"act": 0.9, "lr": 0.1})
    layout = drawing.figure["layout"]
    assert [layout[f"xaxis{n}"]["title"]["text"] for n in ("", "2")] == ["act", "lr"]
    assert drawing.sentence.startswith("Dev accuracy against act, lr, ")


def test_of_many_a_few_are_shown() -> None:
    many = [result(n, n / 10, **{f"p{k}": n + k for k in range(9)}) for n in range(5)]
    drawing = scatter_drawing(parallel_data(many, SPEC), LIGHT, {})
    assert {trace["xaxis"] for trace in drawing.figure["data"]} == {"x", *(f"x{n}" for n in range(2, MOST + 1))}
    assert "3 more hyperparameters not shown" in drawing.sentence
    assert sum(set(trace["customdata"]) == {"tr_2", "tr_3", "tr_4"} for trace in drawing.figure["data"]) == MOST


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property_and_sees_no_markup(palette) -> None:
    hostile = [*RESULTS, result(7, 0.5, lr=0.2, batch_size=64, act=HOSTILE)]
    data = parallel_data(hostile, SPEC)
    for drawing in (parallel_drawing(data, palette, {1}), scatter_drawing(data, palette, {})):
        go.Figure(drawing.figure)
        to_json(drawing)
        assert "<a" not in str(drawing.figure)


def test_a_spreadsheet_gets_the_values_that_were_tried_and_not_their_places() -> None:
    data = parallel_data(RESULTS, SPEC)
    for drawing in (parallel_drawing(data, LIGHT), scatter_drawing(data, LIGHT, {})):
        header, *rows = figure_rows(drawing, {})
        assert header == ("trial", "lr", "act", "decay_form", "decay_start", "dev_accuracy", "state")
        assert rows[1] == (1, 0.1, "gelu", "constant", 1.0, 0.95, "completed")
        assert rows[2][-2:] == (None, "diverged")


def test_axes_that_count_places_have_no_other_scale() -> None:
    assert scales_of(parallel_drawing(parallel_data(RESULTS, SPEC), LIGHT).figure) == {}
    assert set(scales_of(scatter_drawing(parallel_data(RESULTS, SPEC), LIGHT, {}).figure)) == {"y"}

"""Stage 3: schedules above their dev curves."""

from __future__ import annotations

import plotly.graph_objects as go

from service.figures.decay import DecayData, decay_data, decay_drawing
from service.figures.drawing import to_json
from service.figures.palette import LIGHT
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.study_file import Metric
from studies.core.schedules import cosine, linear_to_zero
from tests.builders import decision
from tests.unit.service.figures.samples import curve, trial

SHAPES = [Schedule(), linear_to_zero(100, 60), cosine(100)]
DEV = {"tr_0": curve(0.1, 0.8, 0.9), "tr_1": curve(0.1, 0.85, 0.95)}


def decays(*, decided: bool = True) -> DecayData:
    trials = [trial(i, stage="decay_schedule", schedule=shape, num_steps=100) for i, shape in enumerate(SHAPES)]
    candidate = Candidate(trial_id="tr_1", params={}, schedule=SHAPES[1], num_steps=100)
    decided_so = decision(candidates=(candidate,), evidence={"old_peak_step": 60}) if decided else None
    return decay_data(trials, DEV, Metric(), decided_so)


def lines(figure) -> list:
    """The shapes and the curves, without the marks on them."""
    return [trace for trace in figure["data"] if "line" in trace]


def test_a_shape_is_the_schedule_itself() -> None:
    constant, linear, _ = decays().rows
    assert set(constant.shape.values) == {1.0}
    assert (linear.shape.steps[0], linear.shape.steps[-1]) == (0, 100)
    assert (linear.shape.values[0], linear.shape.values[-1]) == (1.0, 0.0)
    assert [row.chosen for row in decays().rows] == [False, True, False]


def test_shape_and_curve_of_a_trial_share_colour_and_axis_of_steps() -> None:
    figure = decay_drawing(decays(), LIGHT).figure
    traces = lines(figure)
    assert [trace.get("yaxis", "y") for trace in traces] == ["y2", "y"] * 3
    assert all(a["line"]["color"] == b["line"]["color"] for a, b in zip(traces[::2], traces[1::2], strict=True))
    assert len({trace["line"]["color"] for trace in traces}) == 3
    assert "xaxis2" not in figure["layout"]


def test_the_old_peak_and_half_the_rate_are_marked() -> None:
    half, peak = decay_drawing(decays(), LIGHT).figure["layout"]["shapes"]
    assert half["y0"] == 0.5
    assert peak["x0"] == 60
    assert len(decay_drawing(decays(decided=False), LIGHT).figure["layout"]["shapes"]) == 1


def test_the_step_at_which_a_rate_has_halved_is_marked_once_a_schedule() -> None:
    data = decays()
    marks = [trace for trace in decay_drawing(data, LIGHT).figure["data"] if "line" not in trace]
    assert [mark["x"] for mark in marks] == [[row.half_step] for row in data.rows[1:]]
    assert data.rows[0].half_step is None
    assert [row.half_step for row in data.rows[1:]] == [80, 50]
    assert "1 of them has halved the rate by the old peak" in decay_drawing(data, LIGHT).sentence


def test_the_dev_axis_is_fitted_to_what_comes_after_the_climb() -> None:
    data = decay_data([trial(0, num_steps=10)], {"tr_0": curve(0.1, 0.2, 0.9, 0.92, 0.91)}, Metric(), None)
    low, high = decay_drawing(data, LIGHT).figure["layout"]["yaxis"]["range"]
    assert 0.85 < low < 0.9
    assert 0.92 < high < 0.95


def test_many_schedules_do_not_run_out_of_colours() -> None:
    trials = [trial(i, schedule=linear_to_zero(100, i), num_steps=100) for i in range(40)]
    figure = decay_drawing(decay_data(trials, {}, Metric(), None), LIGHT).figure
    assert len(lines(figure)) == 80
    assert not figure["layout"]["showlegend"]


def test_without_a_trial_there_is_a_sentence() -> None:
    drawing = decay_drawing(decay_data([], {}, Metric(), None), LIGHT)
    assert drawing.figure is None
    assert drawing.sentence == "No schedule has been tried yet."


def test_the_table_names_the_schedules_in_words() -> None:
    table = decay_drawing(decays(), LIGHT).table
    assert table.rows[0][1] == "constant"
    assert table.rows[1][-1] == "0.95"


def test_plotly_accepts_every_property() -> None:
    drawing = decay_drawing(decays(), LIGHT)
    go.Figure(drawing.figure)
    to_json(drawing)


def test_seeds_of_one_schedule_share_a_colour() -> None:
    twice = [trial(i, schedule=linear_to_zero(100), num_steps=100, seed=i) for i in range(2)]
    drawing = decay_drawing(decay_data(twice, {}, Metric(), None), LIGHT)
    assert len({trace["line"]["color"] for trace in lines(drawing.figure)}) == 1
    assert [trace["showlegend"] for trace in drawing.figure["data"]].count(True) == 1
    assert drawing.sentence.startswith("1 schedule in 2 trials")

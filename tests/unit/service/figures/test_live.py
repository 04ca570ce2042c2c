"""The live curves of a study, and the curve of one trial."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import pytest

from service.figures.axes import Ruler, Span
from service.figures.drawing import to_json
from service.figures.drawn import CurveLook
from service.figures.live import MOST_HIGHLIGHTED, LiveData, live_data, live_drawing
from service.figures.palette import LIGHT
from service.figures.trial import trial_curve_data, trial_curve_drawing
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.core.curves import sketch
from studies.core.snapshot import Curve
from studies.storage.port import Thinned
from tests.unit.service.figures.samples import HOSTILE, curve, falling, scored, trial

LOOK = CurveLook("loss")


def many(count: int, running: int = 0):
    """`count` trials, the later the better; the first `running` of them run."""
    states = [TrialState.RUNNING] * running + [TrialState.COMPLETED] * (count - running)
    trials = [scored(i, i / count, state=state) for i, state in enumerate(states)]
    return trials, {t.id: falling(0.1) for t in trials}


def thinned(trials) -> list[Thinned]:
    return [Thinned(t.id, t.state, sketch(falling(0.1))) for t in trials]


def test_those_told_apart_stand_best_first_and_not_again_behind() -> None:
    trials, curves = many(50, running=4)
    data = live_data([*trials[:4], *trials[-3:]], curves, thinned(trials), Metric(), LOOK)
    assert [row.trial.number for row in data.highlighted] == [49, 48, 47, 3, 2, 1, 0]
    assert (data.best.number, data.others) == (49, 43)


def test_the_best_is_the_lowest_when_minimising() -> None:
    data = live_data(*many(5), [], Metric(direction="minimize"), LOOK)
    assert data.best.number == 0


def test_five_hundred_curves_cost_one_grey_trace() -> None:
    trials, curves = many(530, running=30)
    drawing = live_drawing(live_data(trials[:30], curves, thinned(trials), Metric(), LOOK, asked=10_000), LIGHT)
    assert len(drawing.figure["data"]) == 1 + MOST_HIGHLIGHTED + 1  # the best one's name
    assert sum(len(trace["x"]) for trace in drawing.figure["data"]) < 70_000
    assert drawing.figure["data"][0]["line"]["color"] == LIGHT.context
    assert drawing.sentence == (
        "Loss over steps of 530 of 10,000 trials; the thick line is the best so far, #29; 500 in grey, evenly chosen."
    )


def test_smoothing_keeps_the_raw_line_faint_behind() -> None:
    traces = lines_of(live_data(*many(2), [], Metric(), CurveLook("loss", smooth=50)))
    assert [trace["opacity"] < 0.5 for trace in traces] == [True, True, False, False]
    assert traces[0]["meta"] == {"label": traces[2]["name"] + " (raw)", "behind": "tr_0"}


def test_a_diverging_curve_does_not_stretch_the_axis() -> None:
    trials = [scored(0, 0.9), trial(1, TrialState.DIVERGED)]
    losses = {"tr_0": curve(2.0, 1.0), "tr_1": curve(2.0, 1e30)}
    low, high = drawn_range(live_data(trials, losses, [], Metric(), LOOK))
    assert 0 < low < 1.0
    assert 2.0 < high < 2.1


def drawn_range(data: LiveData) -> list[float]:
    return live_drawing(data, LIGHT).figure["layout"]["yaxis"]["range"]


def lines_of(data: LiveData):
    """The lines of trials; names on them are texts."""
    return [trace for trace in live_drawing(data, LIGHT).figure["data"] if trace["mode"] != "text"]


def test_a_colour_and_a_dash_stay_with_their_trial() -> None:
    trials, curves = many(30)
    few = lines_of(live_data(trials[5:8], curves, [], Metric(), LOOK))
    all_of_them = lines_of(live_data(trials, curves, [], Metric(), LOOK))
    lines = {trace["meta"]["trial"]: trace["line"] | {"width": 0} for trace in all_of_them}
    assert [lines[trace["meta"]["trial"]] for trace in few] == [trace["line"] | {"width": 0} for trace in few]
    assert len({(line["color"], line["dash"]) for line in lines.values()}) == 30


def test_the_selected_are_on_top() -> None:
    look = CurveLook("loss", select=(2, 4))
    traces = lines_of(live_data(*many(6), [], Metric(), look))
    assert [trace["meta"]["trial"] for trace in traces[-2:]] == ["tr_2", "tr_4"]


def test_the_best_and_the_selected_have_their_numbers_on_their_lines() -> None:
    drawing = live_drawing(live_data(*many(6), [], Metric(), CurveLook("loss", select=(2, 4))), LIGHT)
    names = [trace for trace in drawing.figure["data"] if trace["mode"] == "text"]
    assert [trace["text"] for trace in names] == [["#5"], ["#4"], ["#2"]]
    assert len({trace["x"][0] for trace in names}) == 3


def test_over_samples_a_larger_batch_goes_further() -> None:
    trials = [scored(0, 0.5, params={"batch_size": 64}), scored(1, 0.6, params={"batch_size": 128})]
    rulers = {t.id: Ruler(batch_size=t.params["batch_size"]) for t in trials}
    curves = {t.id: falling(0.1) for t in trials}
    look = CurveLook("loss", axis="samples")
    data = live_data(trials, curves, thinned(many(9)[0]), Metric(), look, rulers=rulers)
    drawing = live_drawing(data, LIGHT)
    assert {trace["meta"]["trial"]: max(trace["x"]) for trace in lines_of(data)} == {
        "tr_0": 6400,
        "tr_1": 12800,
    }
    assert drawing.sentence.startswith("Loss over samples seen of 2 trials")
    assert "samples seen" in drawing.figure["data"][0]["hovertemplate"]


def test_a_trial_whose_place_is_not_known_is_left_out_and_counted() -> None:
    trials = [scored(0, 0.5), scored(1, 0.6)]
    rulers = {"tr_0": Ruler(batch_size=8)}
    curves = {t.id: falling(0.1) for t in trials}
    look = CurveLook("loss", axis="samples")
    drawing = live_drawing(live_data(trials, curves, [], Metric(), look, rulers=rulers), LIGHT)
    assert drawing.sentence.endswith("; 1 left out, whose samples seen is not known.")
    none = live_drawing(live_data(trials, curves, [], Metric(), look), LIGHT)
    assert none.figure is None
    assert "draw them over steps" in none.sentence


def test_times_are_told_in_a_unit_that_is_easy_to_read() -> None:
    rulers = {"tr_0": Ruler(spans=(Span(0, 100, 7_200.0),))}
    data = live_data(
        [scored(0, 0.5)], {"tr_0": falling(0.1)}, [], Metric(), CurveLook("loss", axis="time"), rulers=rulers
    )
    (trace,) = lines_of(data)
    assert max(trace["x"]) == pytest.approx(2.0)
    assert "time trained (hours)" in trace["hovertemplate"]


def test_a_diverging_curve_behind_does_not_stretch_the_axis_either() -> None:
    behind = Thinned("tr_1", TrialState.DIVERGED, curve(2.0, 1e30))
    data = live_data([scored(0, 0.9)], {"tr_0": curve(2.0, 1.0)}, [behind], Metric(), LOOK)
    assert data.sound_range == (1.0, 2.0)


def test_the_range_is_free_where_nothing_or_everything_diverged() -> None:
    for state in (TrialState.COMPLETED, TrialState.DIVERGED):
        data = live_data([trial(0, state)], {"tr_0": curve(2.0, 1e30)}, [], Metric(), LOOK)
        assert "range" not in live_drawing(data, LIGHT).figure["layout"]["yaxis"]


def test_a_range_that_reaches_below_zero_keeps_its_margin() -> None:
    trials = [trial(0), trial(1, TrialState.DIVERGED)]
    low, _ = drawn_range(live_data(trials, {"tr_0": curve(-1.0, 1.0), "tr_1": curve(9.0)}, [], Metric(), LOOK))
    assert low == pytest.approx(-1.08)


def test_nobody_can_put_a_link_into_a_figure() -> None:
    data = live_data([trial(0, params={HOSTILE: HOSTILE})], {"tr_0": falling(0.1)}, [], Metric(), LOOK)
    text = to_json(live_drawing(data, LIGHT)).split('"table"', maxsplit=1)[0]
    assert "<a " not in text
    assert "&lt;a href" in text


def test_a_curve_leads_to_its_trial() -> None:
    (trace,) = lines_of(live_data(*many(1), [], Metric(), LOOK))
    assert trace["meta"]["trial"] == "tr_0"


def test_without_a_curve_it_says_which_metric_is_awaited() -> None:
    drawing = live_drawing(live_data([trial(0)], {}, [], Metric(), CurveLook("dev_f1")), LIGHT)
    assert drawing.figure is None
    assert "dev f1" in drawing.sentence


@pytest.mark.parametrize("values", [(1.0,), (1.0, math.nan, 2.0), (1.0, math.inf, 0.5)])
def test_plotly_accepts_every_property(values: tuple[float, ...]) -> None:
    look = CurveLook("loss", smooth=20)
    live = live_drawing(live_data([scored(0, 0.5)], {"tr_0": curve(*values)}, [], Metric(), look), LIGHT)
    own = trial_curve_drawing(trial_curve_data(trial(0), curve(*values), look), LIGHT)
    for drawing in (live, own):
        go.Figure(drawing.figure)
        to_json(drawing)


def test_a_lone_point_is_a_dot() -> None:
    drawing = trial_curve_drawing(trial_curve_data(trial(0), curve(1.0), LOOK), LIGHT)
    assert drawing.figure["data"][0]["mode"] == "markers"


def test_a_trial_of_nan_alone_is_told_from_one_without_points() -> None:
    nan = trial_curve_drawing(trial_curve_data(trial(0), curve(math.nan, math.nan), LOOK), LIGHT)
    none = trial_curve_drawing(trial_curve_data(trial(0), Curve.empty(), LOOK), LIGHT)
    assert nan.sentence == "Loss has 2 points, all NaN or infinite: there is no line to draw."
    assert none.sentence == "This trial has not reported loss yet."
    assert nan.figure is none.figure is None


def test_the_table_of_a_long_curve_is_short() -> None:
    drawing = trial_curve_drawing(trial_curve_data(trial(0), falling(0.1, steps=5000), LOOK), LIGHT)
    assert 15 <= len(drawing.table.rows) <= 45


def test_the_rate_is_drawn_as_it_is_however_smooth_the_others_are() -> None:
    steps = curve(*[0.1] * 50, *[0.01] * 50)
    drawn = trial_curve_data(trial(0), steps, CurveLook("lr", smooth=100))
    assert set(drawn.curve.values) == {0.1, 0.01}
    assert drawn.shown.raw == drawn.curve


def test_a_constant_rate_stands_above_zero() -> None:
    drawn = trial_curve_data(trial(0), curve(0.01, 0.01), CurveLook("lr"))
    assert trial_curve_drawing(drawn, LIGHT).figure["layout"]["yaxis"]["range"] == pytest.approx([0, 0.011])

"""Stage 2: the heat map."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from service.figures.batch_momentum import HeatData, batch_momentum_data
from service.figures.drawing import to_json
from service.figures.heat_map import batch_momentum_drawing, time_to_target_drawing
from service.figures.palette import DARK, LIGHT
from service.figures.rows import figure_rows
from service.figures.scales import scales_of
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from tests.builders import decision
from tests.unit.service.figures.samples import curve, scored, trial

ACCURACY = Metric()
LOSS = Metric(name="dev_accuracy", direction="minimize")


def cell(number: int, batch: int, momentum: float | None, score: float, lr: float = 0.1, **fields) -> TrialView:
    params = {"lr": lr, "batch_size": batch} | ({} if momentum is None else {"momentum": momentum})
    return scored(number, score, stage="batch_momentum", params=params, **fields)


TRIALS = [
    cell(0, 32, 0.9, 0.91, lr=0.05),
    cell(1, 32, 0.9, 0.95, lr=0.1),
    cell(2, 64, 0.8, 0.93),
    cell(3, 64, 0.9, 0.99, state=TrialState.DIVERGED),
]


def chosen(trial_id: str):
    return decision(candidates=(Candidate(trial_id=trial_id, params={}, schedule=Schedule(), num_steps=1),))


def heat(metric: Metric = ACCURACY) -> HeatData:
    return batch_momentum_data(TRIALS, metric, chosen("tr_0"))


def test_a_cell_holds_its_best_trial() -> None:
    first = heat().cells[0]
    assert (first.batch_size, first.momentum, first.score, first.best.best.id, first.trials) == (
        32,
        0.9,
        0.95,
        "tr_1",
        2,
    )


def test_a_cell_keeps_its_bracket_of_rates() -> None:
    rates = heat().cells[0].rates
    assert [(rate.lr, rate.score) for rate in rates] == [(0.05, 0.91), (0.1, 0.95)]
    assert [rate.factor for rate in rates] == pytest.approx([2**-0.5, 2**0.5])
    *_, marks = batch_momentum_drawing(heat(), LIGHT).figure["data"]
    assert marks["x"] == pytest.approx([-0.34, 0.34])
    assert marks["customdata"] == ["tr_0", "tr_1"]
    assert marks["marker"]["color"] == [LIGHT.paper, LIGHT.ink]


def test_a_wide_grid_has_no_room_for_brackets() -> None:
    many = [cell(2 * n + k, 32, n / 10, 0.9, lr=0.1 * (k + 1)) for n in range(8) for k in range(2)]
    assert len(batch_momentum_drawing(batch_momentum_data(many, ACCURACY, None), LIGHT).figure["data"]) == 1


def test_the_best_is_the_lowest_when_minimising() -> None:
    assert heat(LOSS).cells[0].best.best.id == "tr_0"


def test_a_diverged_trial_scores_nothing() -> None:
    assert heat().cells[-1].score is None


def test_the_map_has_a_gap_where_nothing_was_tried_or_all_diverged() -> None:
    figure = batch_momentum_drawing(heat(), LIGHT).figure
    trace, *_ = figure["data"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["32", "64"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["0.8", "0.9"]
    assert trace["z"] == [[None, 0.93], [0.95, None]]
    assert trace["customdata"][1][0] == "tr_1"


def test_the_rate_of_the_best_is_told_on_hover() -> None:
    trace, *_ = batch_momentum_drawing(heat(), LIGHT).figure["data"]
    assert "lr 0.1" in trace["hovertext"][1][0]
    assert "2 trials of this pair" in trace["hovertext"][1][0]


def test_a_repeated_configuration_stands_with_its_mean_before_a_lucky_single_run() -> None:
    trials = [*TRIALS, cell(4, 32, 0.9, 0.93, lr=0.05)]
    first = batch_momentum_data(trials, ACCURACY, None).cells[0]
    assert (first.score, first.best.seeds, first.best.best.id) == (pytest.approx(0.92), 2, "tr_4")
    trace, *_ = batch_momentum_drawing(batch_momentum_data(trials, ACCURACY, None), LIGHT).figure["data"]
    assert "mean of 2 seeds" in trace["hovertext"][1][0]


def test_the_chosen_cell_is_framed_even_if_a_sibling_scored_higher() -> None:
    (frame,) = batch_momentum_drawing(heat(), LIGHT).figure["layout"]["shapes"]
    assert (round(frame["x0"] + 0.48), round(frame["y0"] + 0.48)) == (0, 1)


def test_the_caption_names_the_choice_where_another_cell_scored_higher() -> None:
    data = batch_momentum_data(TRIALS, ACCURACY, chosen("tr_2"))
    best = "Best dev accuracy 0.95 at batch size 32, momentum 0.9"
    choice = "the choice, framed, is batch size 64, momentum 0.8 with 0.93"
    assert batch_momentum_drawing(data, LIGHT).sentence.startswith(f"{best}; {choice}. Dots in a cell are")
    assert batch_momentum_drawing(heat(), LIGHT).sentence.startswith(f"{best}. ")


def test_the_scale_turns_round_when_minimising() -> None:
    assert not batch_momentum_drawing(heat(), LIGHT).figure["data"][0]["reversescale"]
    assert batch_momentum_drawing(heat(LOSS), LIGHT).figure["data"][0]["reversescale"]


def test_without_a_momentum_axis_there_is_one_row_that_says_so() -> None:
    data = batch_momentum_data([cell(0, 32, None, 0.9), cell(1, 64, None, 0.8)], ACCURACY, None)
    drawing = batch_momentum_drawing(data, LIGHT)
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["not tuned"]
    assert drawing.sentence == "Best dev accuracy 0.9 at batch size 32."


def test_before_any_score_it_says_what_is_awaited() -> None:
    data = batch_momentum_data([trial(0, TrialState.RUNNING)], ACCURACY, None)
    assert batch_momentum_drawing(data, LIGHT).sentence.endswith("no dev accuracy reported yet.")
    assert batch_momentum_drawing(batch_momentum_data([], ACCURACY, None), LIGHT).figure is None


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
def test_plotly_accepts_every_property(palette, metric: Metric) -> None:
    drawing = batch_momentum_drawing(heat(metric), palette)
    go.Figure(drawing.figure)
    to_json(drawing)


# --- time to target ----------------------------------------------------------------------------------------------


def timed(target: float | None) -> HeatData:
    trials = [cell(0, 32, 0.9, 0.95), cell(1, 64, 0.9, 0.95), cell(2, 128, 0.9, 0.7)]
    rising = {f"tr_{n}": curve(*values) for n, values in enumerate([(0.5, 0.8, 0.9, 0.95), (0.9, 0.95), (0.6, 0.7)])}
    return batch_momentum_data(trials, ACCURACY, None, rising, target)


def test_time_to_target_counts_training_examples_until_the_curve_is_as_good_as_before() -> None:
    assert [each.best.samples for each in timed(0.9).cells] == [32 * 4, 64, None]  # by the smoothed curve
    drawing = time_to_target_drawing(timed(0.9), LIGHT)
    assert drawing.figure["data"][0]["z"] == [[128, 64, None]]
    assert drawing.figure["data"][0]["reversescale"]
    assert drawing.sentence.startswith("Batch size 64, momentum 0.9 is the first to come to the dev accuracy 0.9")
    assert drawing.sentence.endswith("after 64 training examples; 1 pair never does or cannot tell.")


@pytest.mark.parametrize(("target", "said"), [(None, "no time to tell"), (0.99, "No pair has come to")])
def test_without_a_target_or_anything_that_reaches_it_there_is_a_sentence(target: float | None, said: str) -> None:
    drawing = time_to_target_drawing(timed(target), LIGHT)
    assert drawing.figure is None
    assert said in drawing.sentence


def test_the_target_is_the_decisions_own() -> None:
    told = decision("tr_0", evidence={"dev_before": 0.8})
    assert batch_momentum_data(TRIALS, ACCURACY, told, target=0.5).target == 0.8


def test_curves_are_read_as_the_decision_reads_them() -> None:
    lucky = {"tr_0": curve(0.5, 0.6, 0.99, 0.6, 0.6)}
    (only,) = batch_momentum_data([cell(0, 32, 0.9, 0.99)], ACCURACY, None, lucky).cells
    assert only.score == pytest.approx(0.6)


@pytest.mark.parametrize("target", [None, 0.9])
def test_plotly_accepts_every_property_of_the_times(target: float | None) -> None:
    drawing = time_to_target_drawing(timed(target), DARK)
    go.Figure(drawing.figure)
    to_json(drawing)


def test_a_spreadsheet_gets_a_row_a_rate_with_its_pair() -> None:
    header, first, *_ = figure_rows(batch_momentum_drawing(timed(0.9), LIGHT), {})
    assert header == ("trial", "batch_size", "momentum", "lr", "dev_accuracy", "seeds", "examples_to_target")
    assert (first[0], first[1:4], first[5:]) == (0, (32, 0.9, 0.1), (1, 128))
    assert scales_of(batch_momentum_drawing(timed(0.9), LIGHT).figure) == {}

"""Stage 2: the heat map."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from service.figures.batch_momentum import HeatData, batch_momentum_data, batch_momentum_drawing
from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from tests.builders import decision
from tests.unit.service.figures.samples import scored, trial

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
    assert (first.batch_size, first.momentum, first.score, first.best.id, first.trials) == (32, 0.9, 0.95, "tr_1", 2)


def test_the_best_is_the_lowest_when_minimising() -> None:
    assert heat(LOSS).cells[0].best.id == "tr_0"


def test_a_diverged_trial_scores_nothing() -> None:
    assert heat().cells[-1].score is None


def test_the_map_has_a_gap_where_nothing_was_tried_or_all_diverged() -> None:
    (trace,) = batch_momentum_drawing(heat(), LIGHT).figure["data"]
    assert trace["x"] == ["32", "64"]
    assert trace["y"] == ["0.8", "0.9"]
    assert trace["z"] == [[None, 0.93], [0.95, None]]
    assert trace["customdata"][1][0] == "tr_1"


def test_the_rate_of_the_best_is_told_on_hover() -> None:
    (trace,) = batch_momentum_drawing(heat(), LIGHT).figure["data"]
    assert "lr 0.1" in trace["hovertext"][1][0]
    assert "2 trials of this pair" in trace["hovertext"][1][0]


def test_a_repeated_configuration_stands_with_its_mean_before_a_lucky_single_run() -> None:
    trials = [*TRIALS, cell(4, 32, 0.9, 0.93, lr=0.05)]
    first = batch_momentum_data(trials, ACCURACY, None).cells[0]
    assert (first.score, first.seeds, first.best.id) == (pytest.approx(0.92), 2, "tr_4")
    (trace,) = batch_momentum_drawing(batch_momentum_data(trials, ACCURACY, None), LIGHT).figure["data"]
    assert "mean of 2 seeds" in trace["hovertext"][1][0]


def test_the_chosen_cell_is_framed_even_if_a_sibling_scored_higher() -> None:
    (frame,) = batch_momentum_drawing(heat(), LIGHT).figure["layout"]["shapes"]
    assert (round(frame["x0"] + 0.48), round(frame["y0"] + 0.48)) == (0, 1)


def test_the_caption_names_the_choice_where_another_cell_scored_higher() -> None:
    data = batch_momentum_data(TRIALS, ACCURACY, chosen("tr_2"))
    best = "Best dev accuracy 0.95 at batch size 32, momentum 0.9"
    choice = "the choice, framed, is batch size 64, momentum 0.8 with 0.93"
    assert batch_momentum_drawing(data, LIGHT).sentence == f"{best}; {choice}."
    assert batch_momentum_drawing(heat(), LIGHT).sentence == f"{best}."


def test_the_scale_turns_round_when_minimising() -> None:
    assert not batch_momentum_drawing(heat(), LIGHT).figure["data"][0]["reversescale"]
    assert batch_momentum_drawing(heat(LOSS), LIGHT).figure["data"][0]["reversescale"]


def test_without_a_momentum_axis_there_is_one_row_that_says_so() -> None:
    data = batch_momentum_data([cell(0, 32, None, 0.9), cell(1, 64, None, 0.8)], ACCURACY, None)
    drawing = batch_momentum_drawing(data, LIGHT)
    assert drawing.figure["data"][0]["y"] == ["not tuned"]
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

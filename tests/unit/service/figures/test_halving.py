"""Successive halving: how far every rate came, and why it went no further."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.halving import RungData, rung_curves_drawing, rung_data, rungs_drawing
from service.figures.palette import DARK, LIGHT
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import MetricSummary, TrialView
from tests.builders import decision
from tests.unit.service.figures.samples import HOSTILE, curve, trial


def climber(number: int, lr: float, steps: int, state: TrialState = TrialState.PRUNED, **fields) -> TrialView:
    summary = MetricSummary(last_step=steps, last=0.5, minimum=0.1, maximum=0.5, count=1)
    metrics = {"dev_accuracy": summary}
    return trial(number, state, stage="lr_halving", params={"lr": lr}, metrics=metrics, **fields)


TRIALS = [
    climber(0, 0.1, 10, ended_because=f"Left behind after 10 steps {HOSTILE}"),
    climber(1, 0.01, 90, TrialState.COMPLETED),
    climber(2, 0.03, 30),
    climber(3, 0.001, 12, TrialState.DIVERGED),
    trial(4),
]
DEV = {f"tr_{number}": curve(0.1, 0.3, 0.5) for number in range(4)}


def rungs(trials=TRIALS, **fields) -> RungData:
    return rung_data(trials, DEV, Metric(), decision("tr_1"), rungs=(90, 10, 30), **fields)


def test_rates_stand_from_low_to_high_with_the_part_they_play() -> None:
    assert [(row.lr, row.role, row.steps) for row in rungs().rows] == [
        (0.001, "stopped", 12),
        (0.01, "chosen", 90),
        (0.03, "stopped", 30),
        (0.1, "stopped", 10),
    ]


def test_the_sentence_says_who_ended_where() -> None:
    assert rungs_drawing(rungs(), LIGHT).sentence == (
        "4 rates; left behind: 2 at step 10, 1 at step 30; 1 climbed to the top at step 90; 1 diverged."
    )
    assert rungs_drawing(rungs(asked=900), LIGHT).sentence.startswith("4 of 900 rates; ")


def test_while_rates_climb_it_does_not_say_who_is_left_behind() -> None:
    climbing = [*TRIALS, climber(5, 0.3, 10, TrialState.RUNNING)]
    assert rungs_drawing(rungs(climbing), LIGHT).sentence == "5 rates so far, each as high as it has climbed."


def test_why_a_rate_was_left_behind_is_told_on_hover_and_escaped() -> None:
    *_, ends = rungs_drawing(rungs(), LIGHT).figure["data"]
    assert "Left behind after 10 steps" in ends["text"][-1]
    assert "<a" not in ends["text"][-1]
    assert ends["customdata"] == ["tr_3", "tr_1", "tr_2", "tr_0"]
    assert len(set(ends["marker"]["symbol"])) == 2


def test_every_curve_ends_in_a_mark() -> None:
    traces = rung_curves_drawing(rungs(), LIGHT).figure["data"]
    assert [trace["mode"] for trace in traces] == ["lines", "markers"] * 4
    assert [shape["x0"] for shape in rung_curves_drawing(rungs(), LIGHT).figure["layout"]["shapes"]] == [10, 30, 90]


@pytest.mark.parametrize("draw", [rung_curves_drawing, rungs_drawing])
def test_without_a_report_there_is_a_sentence(draw) -> None:
    drawing = draw(rungs([trial(0)]), LIGHT)
    assert (drawing.figure, drawing.sentence) == (None, "No rate has been evaluated yet.")


@pytest.mark.parametrize("draw", [rung_curves_drawing, rungs_drawing])
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property(draw, palette) -> None:
    drawing = draw(rungs(), palette)
    go.Figure(drawing.figure)
    to_json(drawing)
    assert len(drawing.table.rows) == 4

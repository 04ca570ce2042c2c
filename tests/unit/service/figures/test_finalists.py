"""The finalists: seeds, means and what two standard errors leave open."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.finalists import FinalistData, finalist_data, finalists_drawing
from service.figures.palette import DARK, LIGHT
from service.figures.rows import figure_rows
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from tests.builders import decision
from tests.unit.service.figures.samples import HOSTILE, scored


def run(number: int, lr: float, score: float, stage: str = "confirm", **fields) -> TrialView:
    params = {"lr": lr, "batch_size": 64, **fields.pop("params", {})}
    return scored(number, score, stage=stage, seed=number, params=params, **fields)


TRIALS = [
    run(0, 0.1, 0.90, "joint_search"),
    run(1, 0.2, 0.96, "joint_search"),
    run(2, 0.3, 0.80, "joint_search"),
    run(3, 0.1, 0.94),
    run(4, 0.2, 0.90),
]


def finalists(trials=TRIALS, metric: Metric | None = None) -> FinalistData:
    return finalist_data(trials, {}, metric or Metric(), decision("tr_1"))


def test_a_finalist_has_all_its_seeds_with_their_mean_and_spread() -> None:
    best, second = finalists().rows
    assert (best.what, best.scores, best.chosen) == ("lr 0.2", (0.96, 0.90), True)
    assert (best.mean, second.mean) == (pytest.approx(0.93), pytest.approx(0.92))
    assert best.spread == pytest.approx(2 * 0.03 * math.sqrt(2) / math.sqrt(2))


def test_the_best_mean_is_the_lowest_when_minimising() -> None:
    assert [row.what for row in finalists(metric=Metric(direction="minimize")).rows] == ["lr 0.1", "lr 0.2"]


def test_without_repeats_the_two_that_were_best_stand_with_one_seed() -> None:
    rows = finalists(TRIALS[:3]).rows
    assert [row.what for row in rows] == ["lr 0.2", "lr 0.1"]
    assert [row.spread for row in rows] == [None, None]


def test_a_seed_that_diverged_has_no_score() -> None:
    lost = [*TRIALS, run(5, 0.1, 0.5, state=TrialState.DIVERGED)]
    assert [len(row.runs) for row in finalists(lost).rows] == [2, 2]


def test_the_sentence_names_both() -> None:
    assert finalists_drawing(finalists(), LIGHT).sentence == (
        "lr 0.2 has the best mean, 0.93 over 2 seeds; lr 0.1 follows with 0.92."
    )
    alone = finalists_drawing(finalists([run(0, 0.1, 0.9)]), LIGHT).sentence
    assert alone == "lr 0.1 · batch size 64 has the best mean, 0.9 over 1 seed; nothing else was run again."
    assert finalists_drawing(finalists([]), LIGHT).figure is None


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property_and_sees_no_markup(palette) -> None:
    hostile = run(5, 0.1, 0.5, params={"activation": HOSTILE})
    drawing = finalists_drawing(finalists([*TRIALS, hostile]), palette)
    go.Figure(drawing.figure)
    to_json(drawing)
    assert "<a" not in str(drawing.figure)


def test_a_spreadsheet_gets_a_row_a_seed() -> None:
    header, *rows = figure_rows(finalists_drawing(finalists(), LIGHT), {})
    assert header == ("trial", "finalist", "seed", "dev_accuracy")
    assert (1, "lr 0.2", 1, 0.96) in rows
    assert len(rows) == 4

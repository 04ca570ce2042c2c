"""The points of a joint search and the best so far."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from service.figures.points import PointData, point_data, records
from service.figures.search import search_drawing
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.storage.port import Scores
from tests.builders import decision
from tests.unit.service.figures.samples import HOSTILE, scored, trial

ACCURACY = Metric()
TRIALS = [
    scored(0, 0.90, params={"lr": 0.01}),
    scored(1, 0.70, params={"lr": 0.1}, state=TrialState.PRUNED),
    scored(2, 0.95, params={"lr": 0.03}),
    scored(3, 0.93, params={"lr": 0.02}, state=TrialState.RUNNING),
    trial(4),
]


def points(metric: Metric = ACCURACY, before: float | None = None) -> PointData:
    chosen = decision(candidates=(Candidate(trial_id="tr_2", params={}, schedule=Schedule(), num_steps=1),))
    return point_data(TRIALS, metric, chosen, before)


def test_a_point_says_what_part_its_trial_plays_and_the_best_so_far() -> None:
    rows = points().rows
    assert [(row.role, row.best) for row in rows] == [
        ("finished", 0.90),
        ("stopped", 0.90),
        ("chosen", 0.95),
        ("under way", 0.95),
    ]
    assert points().best.trial.id == "tr_2"


def test_the_best_begins_with_what_was_there_before_and_is_the_lowest_when_minimising() -> None:
    assert [row.best for row in points(before=0.92).rows] == [0.92, 0.92, 0.95, 0.95]
    assert points(Metric(direction="minimize")).rows[-1].best == 0.90
    assert points(before=0.99).best is None


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_drawing_is_a_figure_with_its_table(palette) -> None:
    drawing = search_drawing(points(before=0.8), palette)
    go.Figure(drawing.figure)
    assert to_json(drawing)
    assert len(drawing.table.rows) == 4
    assert drawing.sentence.endswith(".")


def test_each_part_has_a_shape_of_its_own() -> None:
    _, *traces = search_drawing(points(), LIGHT).figure["data"]
    assert {trace["name"]: trace["customdata"] for trace in traces} == {
        "chosen": ["tr_2"],
        "finished": ["tr_0"],
        "stopped": ["tr_1"],
        "under way": ["tr_3"],
    }
    assert len({trace["marker"]["symbol"] for trace in traces}) == 4


def test_a_score_that_would_rule_the_axis_stands_at_its_edge() -> None:
    far = [*(scored(n, 0.9 + n / 100) for n in range(5)), scored(9, 0.01)]
    drawing = search_drawing(point_data(far, ACCURACY, None), LIGHT)
    _, finished = drawing.figure["data"]
    assert min(finished["y"]) > 0.8
    assert drawing.sentence.endswith("1 far worse one stands at the edge.")


def test_without_a_score_there_is_nothing_to_draw() -> None:
    drawing = search_drawing(point_data([trial(0)], ACCURACY, None), LIGHT)
    assert drawing.figure is None
    assert drawing.sentence.endswith("has been evaluated yet.")


def test_only_stopped_points_have_no_best() -> None:
    data = point_data([scored(0, 0.5, state=TrialState.PRUNED)], ACCURACY, None)
    assert search_drawing(data, LIGHT).sentence == "1 point, 1 of them stopped early."


def test_a_choice_of_many_says_so() -> None:
    data = point_data([scored(0, 0.5)], ACCURACY, None, asked=9_000)
    assert search_drawing(data, LIGHT).sentence.startswith("1 of 9,000 points; ")


@pytest.mark.parametrize(("direction", "numbers"), [("maximize", [3, 5, 9]), ("minimize", [3, 4])])
def test_records_are_the_best_of_their_time(direction: str, numbers: list[int]) -> None:
    known = Scores(np.array([3, 4, 5, 7, 9]), np.array([0.5, 0.1, 0.6, 0.6, 0.7]))
    assert records(known, Metric(direction=direction)) == numbers
    assert records(Scores(np.empty(0, np.int64), np.empty(0)), Metric()) == []


def test_what_users_wrote_is_escaped() -> None:
    hostile = scored(0, 0.5, params={"lr": 0.1, "activation": HOSTILE})
    assert "<a" not in str(search_drawing(point_data([hostile], ACCURACY, None), LIGHT).figure)

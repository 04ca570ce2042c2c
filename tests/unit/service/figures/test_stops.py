"""Where the runs of a search were stopped."""

from __future__ import annotations

import plotly.graph_objects as go

from service.figures.palette import DARK, LIGHT
from service.figures.points import point_data
from service.figures.stops import StopData, stop_data, stops_drawing
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from tests.builders import decision
from tests.unit.service.figures.samples import HOSTILE, curve, scored


def stops(*, pruned: bool = True) -> StopData:
    state = TrialState.PRUNED if pruned else TrialState.COMPLETED
    trials = [
        scored(0, 0.9),
        scored(1, 0.4, state=state).model_copy(update={"ended_because": HOSTILE}),
        scored(2, 0.8),
        scored(3, 0.1),
    ]
    curves = {"tr_0": (0.5, 0.9), "tr_1": (0.4, float("nan")), "tr_2": (0.8,), "tr_3": (float("nan"),)}
    dev = {name: curve(*points) for name, points in curves.items()}
    return stop_data(point_data(trials, Metric(), decision("tr_0")), dev)


def test_each_run_ends_at_the_last_number_that_it_had() -> None:
    data = stops()
    assert [(row.point.trial.number, row.last) for row in data.rows] == [(0, 0.9), (1, 0.4), (2, 0.8)]
    assert [row.point.trial.number for row in data.stopped] == [1]


def test_it_is_drawn_with_the_chosen_run_before_the_others_and_why_on_hover() -> None:
    for palette in (LIGHT, DARK):
        drawing = stops_drawing(stops(), palette)
        assert drawing.figure is not None
        go.Figure(drawing.figure)
        names = [trace.get("name") for trace in drawing.figure["data"]]
        assert names[0] == "other trials"
        assert {"chosen", "finished", "stopped"} <= set(names)
        assert HOSTILE not in str(drawing.figure)
    assert drawing.sentence.startswith("1 of 3 runs stopped early, half of them by step")
    assert drawing.table is not None


def test_without_stops_and_without_runs_it_says_so() -> None:
    assert stops_drawing(stops(pruned=False), LIGHT).sentence == "3 runs, none of them stopped early."
    empty = stops_drawing(StopData(stops().points, ()), LIGHT)
    assert (empty.figure, empty.sentence) == (None, "No run has been evaluated yet.")

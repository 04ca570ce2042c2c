"""Which hyperparameters set the best trials apart, and when nobody can tell."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.importance import importance_data, importance_drawing
from service.figures.palette import DARK, LIGHT
from studies.storage.optuna_bridge.importance import FEWEST, Question, importances
from tests.builders import spec
from tests.unit.service.figures.results import result

SPEC = spec(strategy="guided_search")


def search(count: int) -> list:
    """Points whose score is all the learning rate's doing."""
    return [
        result(n, -abs(n / count - 0.5), lr=10 ** (-4 * n / count), momentum=(n * 7 % count) / count, act="ab"[n % 2])
        for n in range(count)
    ]


def test_the_one_that_decides_stands_first() -> None:
    data = importance_data({"joint_search": search(60)}, SPEC, importances)
    assert data.rows[0].name == "lr"
    assert data.rows[0].share > 0.5
    assert sum(row.share for row in data.rows) == pytest.approx(1)
    assert importance_drawing(data, LIGHT).sentence.startswith("Of what sets the best of 60 finished trials of “Joint")


def test_the_stage_with_most_trials_is_asked_and_no_other() -> None:
    asked: list[Question] = []

    def ask(question: Question) -> dict[str, float]:
        asked.append(question)
        return dict.fromkeys(question.names, 1 / len(question.names))

    sweep = [result(n, 0.1 * n, stage="lr_halving", lr=0.1 * (n + 1)) for n in range(50)]
    data = importance_data({"lr_halving": sweep, "joint_search": search(30), "parameter_probes": search(9)}, SPEC, ask)
    assert (data.stage, data.trials) == ("joint_search", 30)
    (question,) = asked
    assert question.names == ("lr", "momentum", "act")
    assert question.kinds == ("number", "number", "category")
    assert len(question.points) == len(question.scores) == 30


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ({}, "there is none with a result yet"),
        ({"lr_halving": [result(n, 0.5, lr=0.1 * (n + 1)) for n in range(30)]}, "two hyperparameters or more vary"),
        ({"joint_search": search(FEWEST - 1)}, f"“Joint search” has {FEWEST - 1} so far"),
        ({"joint_search": [result(n, 0.5, lr=n + 1, momentum=n / 40) for n in range(30)]}, "All 30 finished trials of"),
        ({"joint_search": [result(n, None, lr=n + 1, momentum=n / 40) for n in range(30)]}, "none with a result yet"),
    ],
)
def test_too_few_trials_say_so(results, said: str) -> None:
    drawing = importance_drawing(importance_data(results, SPEC, importances), LIGHT)
    assert drawing.figure is None
    assert said in drawing.sentence


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property(palette) -> None:
    drawing = importance_drawing(importance_data({"joint_search": search(40)}, SPEC, importances), palette)
    go.Figure(drawing.figure)
    to_json(drawing)
    assert drawing.table.rows[0][0] == "lr"

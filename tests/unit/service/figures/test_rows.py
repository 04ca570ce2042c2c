"""What a figure is drawn from, as rows for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

from service.figures.drawing import Drawing, Table
from service.figures.drawn import EVERY_POINT, CurveLook
from service.figures.live import live_data, live_drawing
from service.figures.palette import LIGHT
from service.figures.rows import figure_rows
from service.pages.drawings import as_csv
from studies.contract.study_file import Metric
from studies.core.snapshot import Curve
from tests.unit.service.figures.samples import HOSTILE, curve, scored, trial


def drawing_of(*traces: dict[str, Any], **axes: str) -> Drawing:
    layout = {axis: {"title": {"text": title}} for axis, title in axes.items()}
    return Drawing("", {"data": list(traces), "layout": layout})


def test_curves_come_in_full_precision_with_the_numbers_of_their_trials() -> None:
    curves = {"tr_0": curve(2.0, 1 / 3), "tr_1": Curve(curve(1.0).steps, curve(0.1 + 0.2).values)}
    look = CurveLook("loss", points=EVERY_POINT)
    drawing = live_drawing(live_data([scored(0, 0.1), scored(1, 0.2)], curves, [], Metric(), look), LIGHT)
    header, *rows = figure_rows(drawing, {"tr_0": 0, "tr_1": 1})
    assert header == ("trial", "series", "step", "loss")
    assert {(row[0], *row[2:]) for row in rows} == {(0, 1, 2.0), (0, 2, 1 / 3), (1, 1, 0.1 + 0.2)}


def test_points_stand_for_a_trial_each() -> None:
    points = {"x": [0.1, 0.2], "y": [1, 2], "customdata": ["tr_5", "tr_6"], "name": "final loss"}
    drawing = drawing_of(points, xaxis="learning rate", yaxis="loss &lt;b&gt;")
    assert list(figure_rows(drawing, {"tr_5": 5})) == [
        ("trial", "series", "learning rate", "loss <b>"),
        (5, "final loss", 0.1, 1),
        (None, "final loss", 0.2, 2),
    ]


def test_a_heat_map_has_a_row_a_cell() -> None:
    heat = {"x": ["32", "64"], "y": ["0.9"], "z": [[0.5, None]], "customdata": [["tr_1", ""]]}
    rows = list(figure_rows(drawing_of(heat, xaxis="batch size", yaxis="momentum"), {"tr_1": 1}))
    assert rows == [
        ("trial", "batch size", "momentum", "value"),
        (1, "32", "0.9", 0.5),
        (None, "64", "0.9", None),
    ]


def test_parallel_coordinates_have_a_column_a_dimension() -> None:
    lines = {"dimensions": [{"label": "lr", "values": [1, 2]}, {"label": "score", "values": [3, 4]}]}
    assert list(figure_rows(drawing_of(lines), {})) == [("trial", "lr", "score"), (None, 1, 3), (None, 2, 4)]


def test_a_figure_without_marks_is_its_table() -> None:
    table = Table(("a", "b"), (("1", "2"),))
    assert list(figure_rows(Drawing("nothing drawn", None, table), {})) == [("a", "b"), ("1", "2")]


async def read(drawing: Drawing, store: Any, name: str) -> tuple[str, str]:
    answer = as_csv(drawing, store, name)
    pieces = [piece async for piece in answer.body_iterator]
    return "".join(map(str, pieces)), answer.headers["content-disposition"]


class Numbers:
    def trial_numbers(self, ids: object) -> dict[str, int]:
        return {}


def test_no_cell_is_a_formula_and_no_name_a_path() -> None:
    import asyncio

    hostile = {"x": [-1.5], "y": [2], "name": "=HYPERLINK(1)"}
    text, disposition = asyncio.run(read(drawing_of(hostile), Numbers(), "../" + HOSTILE))
    assert list(csv.reader(io.StringIO(text)))[1] == ["", "'=HYPERLINK(1)", "-1.5", "2"]
    assert disposition == 'attachment; filename="a-href-javascript-alert-1-x-a-b.csv"'


def test_a_hostile_hyperparameter_is_plain_text_in_a_row() -> None:
    data = live_data([trial(0, params={"p": HOSTILE})], {"tr_0": curve(1.0)}, [], Metric(), CurveLook("loss"))
    _, row = figure_rows(live_drawing(data, LIGHT), {"tr_0": 0})
    assert HOSTILE[:40] in row[1]

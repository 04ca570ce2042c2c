"""Figures as pictures: well formed, inside their edges, in order, and saying what Plotly would say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.figures.labels import escape
from service.figures.layout import vertical_mark
from service.figures.palette import LIGHT
from service.svg import NARROW, WIDE, Size, Undrawable, key, picture
from service.svg.curves import thinned
from tests.unit.service.figures.samples import HOSTILE
from tests.unit.service.svg.reading import coordinates, curve, drawn, figure, line, points, texts

LOSSES = some.lists(some.one_of(some.none(), some.floats(1e-6, 1e6)), min_size=2, max_size=60)


@given(LOSSES, some.sampled_from(["linear", "log"]), some.sampled_from([WIDE, NARROW]))
def test_every_mark_lies_in_the_picture(values: list[float | None], kind: str, size: Size) -> None:
    both = line(*values, mode="lines+markers", marker={"color": LIGHT.winner, "size": 6})
    root = drawn(figure(both, y={"type": kind}), size)
    for element in root.iter():
        if element.tag in ("path", "circle"):
            assert all(-1 <= number <= size.width + 1 for number in coordinates(element))


def test_a_rising_curve_rises_and_goes_to_the_right() -> None:
    places = points(curve(drawn(figure(line(1.0, 2.0, 3.0)))))
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)


def test_a_gap_interrupts_the_line_and_a_lone_point_is_still_seen() -> None:
    path = curve(drawn(figure(line(1.0, 2.0, None, 3.0)))).get("d", "")
    assert path.count("M") == 2
    assert path.endswith("h0")


def test_a_step_goes_across_before_it_goes_up() -> None:
    look = {"color": LIGHT.winner, "width": 2, "shape": "hv", "dash": "dot"}
    path = curve(drawn(figure(line(1.0, 2.0, line=look))))
    assert path.get("d", "").index("H") < path.get("d", "").index("V")
    assert path.get("stroke-dasharray") == "3 3"


@given(some.lists(some.tuples(some.floats(0, 50), some.floats(0, 100)), min_size=1, max_size=300))
def test_thinning_keeps_ends_and_extremes(found: list[tuple[float, float]]) -> None:
    run = sorted(found)
    kept = thinned(run)
    assert (kept[0], kept[-1]) == (run[0], run[-1])
    assert {min(y for _, y in kept), max(y for _, y in kept)} == {min(y for _, y in run), max(y for _, y in run)}
    assert len(kept) <= min(len(run), 4 * 36)
    assert kept == sorted(kept, key=run.index)


def test_axes_say_their_ticks_and_titles() -> None:
    said = texts(drawn(figure(line(0.001, 0.1, 10.0), y={"type": "log"})))
    assert {"step", "loss", "0.01", "0.1", "1", "10"} <= set(said)
    named = figure(line(1.0, 2.0), y={"tickvals": [1, 2], "ticktext": ["low", "high"]})
    assert {"low", "high"} <= set(texts(drawn(named)))


def test_long_names_of_an_axis_leave_room_for_the_figure() -> None:
    names = {"type": "scatter", "mode": "markers", "x": [1, 2], "y": ["a" * 200, "b"], "marker": {"color": LIGHT.ink}}
    root = drawn(figure(names, y={"type": "category"}))
    assert any(text.endswith("…") for text in texts(root))
    assert all(float(circle.get("cx", 0)) > 200 for circle in root.iter("circle"))


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_marks_of_a_layout_lie_where_the_curve_is(kind: str) -> None:
    shapes, notes = vertical_mark(LIGHT, 2, "num_steps")
    root = drawn(figure(line(1.0, 2.0, 3.0, 4.0, 5.0), y={"type": kind}, shapes=shapes, annotations=notes))
    (mark,) = [path for path in root.iter("path") if path.get("stroke") == LIGHT.ink]
    assert points(mark)[0][0] == pytest.approx(points(curve(root))[2][0], abs=0.2)
    assert "num_steps" in texts(root)


def test_on_a_log_axis_shapes_are_values_and_annotations_logarithms() -> None:
    shapes = [
        {"type": "rect", "xref": "x", "yref": "paper", "x0": 10, "x1": 100, "y0": 0, "y1": 1, "fillcolor": "#123456"}
    ]
    notes = [{"x": 1, "y": 0.5, "yref": "paper", "text": "ten", "xanchor": "center"}]
    trace = {"type": "scatter", "x": [1, 10, 100, 1000], "y": [1, 2, 3, 4], "line": {"color": LIGHT.winner}}
    root = drawn(figure(trace, x={"type": "log"}, shapes=shapes, annotations=notes))
    (region,) = [rect for rect in root.iter("rect") if rect.get("fill") == "#123456"]
    (ten,) = [text for text in root.iter("text") if text.text == "ten"]
    places = [x for x, _ in points(curve(root))]
    assert float(region.get("x", 0)) == pytest.approx(places[1], abs=0.2)
    assert float(region.get("width", 0)) == pytest.approx(places[2] - places[1], abs=0.2)
    assert float(ten.get("x", 0)) == pytest.approx(places[1], abs=0.2)


def test_a_note_that_would_leave_the_picture_turns_to_the_other_side() -> None:
    notes = [{"x": 1, "y": 1, "yref": "paper", "xanchor": "left", "text": "a note of some length"}]
    (note,) = [t for t in drawn(figure(line(1.0, 2.0), annotations=notes)).iter("text") if t.text == notes[0]["text"]]
    assert note.get("text-anchor") == "end"


def heat(**more: Any) -> dict[str, Any]:
    scale = [[position, color] for position, color in LIGHT.scale]
    cells = {"x": ["32", "64"], "y": ["0.8", "0.9"], "z": [[0.1, 0.2], [None, 0.3]]}
    said = {"text": [["a", "b"], ["", "c<br>d"]], "hovertext": [["A", "B"], ["", "C"]]}
    return {"type": "heatmap", **cells, **said, "xgap": 4, "ygap": 4, "colorscale": scale, **more}


@pytest.mark.parametrize(
    "axes",
    [
        pytest.param({"x": {"type": "category"}, "y": {"type": "category"}}, id="names"),
        pytest.param({}, id="numbers"),
    ],
)
def test_a_heat_map_has_a_cell_a_pair_its_words_and_its_scale(axes: dict[str, Any]) -> None:
    trace = heat() if axes else heat(x=[0, 1], y=[0, 1])
    root = drawn(figure(trace, **axes))
    cells = [rect for rect in root.iter("rect") if rect.get("rx") == "3"]
    assert [cell.get("fill") for cell in cells][::3] == [LIGHT.scale[0][1], LIGHT.scale[-1][1]]
    assert cells[2].get("fill") == "none"
    assert len({(cell.get("width"), cell.get("height")) for cell in cells}) == 1
    assert {"a", "b", "c", "d", "0.1", "0.3"} <= set(texts(root))
    assert "C" in [title.text for title in root.iter("title")]


def test_where_less_is_better_the_scale_is_turned_round() -> None:
    axes = {"x": {"type": "category"}, "y": {"type": "category"}}
    cells = [r for r in drawn(figure(heat(reversescale=True), **axes)).iter("rect") if r.get("rx") == "3"]
    assert [cell.get("fill") for cell in cells][::3] == [LIGHT.scale[-1][1], LIGHT.scale[0][1]]


def test_errors_are_lines_through_their_points() -> None:
    marks = {"type": "scatter", "mode": "markers", "x": [1.0, 2.0], "y": [1.0, 2.0], "marker": {"color": LIGHT.muted}}
    errors = {"error_x": {"array": [0.5, None], "color": LIGHT.winner}}
    root = drawn(figure({**marks, **errors}))
    (left, y), (right, same) = points(curve(root))
    circle = next(root.iter("circle"))
    assert y == same == pytest.approx(float(circle.get("cy", 0)), abs=0.1)
    assert (left + right) / 2 == pytest.approx(float(circle.get("cx", 0)), abs=0.1)


def test_bars_lie_along_their_axis_from_zero() -> None:
    bars = {"type": "bar", "orientation": "h", "x": [0.25, 0.5], "y": ["lr", "momentum"], "text": ["25 %", "50 %"]}
    root = drawn(figure({**bars, "marker": {"color": LIGHT.winner}}, y={"type": "category"}))
    first, second = [rect for rect in root.iter("rect") if rect.get("fill") == LIGHT.winner]
    assert float(second.get("width", 0)) == pytest.approx(2 * float(first.get("width", 0)), abs=0.2)
    assert first.get("x") == second.get("x")
    assert {"25 %", "50 %", "lr", "momentum"} <= set(texts(root))


@pytest.mark.parametrize("symbol", ["circle", "x", "diamond", "square-open", "triangle-up", "cross-thin", "no such"])
def test_every_symbol_is_drawn_and_says_its_text(symbol: str) -> None:
    look = {"symbol": symbol, "size": [8, 12], "color": [LIGHT.winner, LIGHT.warning], "line": {"color": LIGHT.paper}}
    trace = {"type": "scatter", "mode": "markers", "x": [1, 2], "y": [1, 2], "text": ["#1", "#2"], "marker": look}
    root = drawn(figure(trace))
    assert [title.text for title in root.iter("title")] == ["#1", "#2"]


def test_marks_coloured_by_a_number_take_their_scale() -> None:
    look = {"color": [0.0, 1.0, None], "colorscale": [[p, c] for p, c in LIGHT.scale]}
    trace = {"type": "scatter", "mode": "markers", "x": [1, 2, 3], "y": [1, 2, 3], "marker": look}
    fills = [circle.get("fill") for circle in drawn(figure(trace)).iter("circle")]
    assert fills == [LIGHT.scale[0][1], LIGHT.scale[-1][1], LIGHT.muted]


def test_hostile_words_stay_words() -> None:
    label = escape(HOSTILE)
    trace = line(1.0, 2.0, meta={"label": label}, name=label, text=[label, label], mode="lines+markers+text")
    found = figure(trace, annotations=[{"text": label, "x": 0, "y": 1}], showlegend=True)
    root = drawn(found)
    assert {element.tag for element in root.iter()} <= {"svg", "g", "path", "circle", "text", "title", "rect"}
    assert HOSTILE in texts(root)
    assert [entry.label for entry in key(found)] == [HOSTILE]


def test_the_key_has_every_name_once_and_only_where_it_is_asked_for() -> None:
    traces = [line(1.0, name="chosen"), line(2.0, name="chosen"), line(3.0, name="others", showlegend=False)]
    assert [entry.label for entry in key(figure(*traces, showlegend=True))] == ["chosen"]
    assert key(figure(*traces)) == ()
    marks = {"type": "scatter", "mode": "markers", "name": "diverged", "x": [1], "y": [1], "marker": {"symbol": "x"}}
    assert [entry.label for entry in key(figure(marks, showlegend=True))] == ["diverged"]


def test_a_kind_that_nobody_draws_is_refused_and_what_is_hidden_is_not_drawn() -> None:
    with pytest.raises(Undrawable, match="surface"):
        picture(figure({"type": "surface"}))
    assert list(drawn(figure(line(1.0, 2.0), line(3.0, 4.0, visible="legendonly"))).iter("path"))
    assert (
        len([p for p in drawn(figure(line(1.0, 2.0, visible=False))).iter("path") if p.get("stroke") == LIGHT.winner])
        == 0
    )


def test_two_parts_of_a_figure_share_their_steps() -> None:
    upper = {**line(1.0, 0.0), "yaxis": "y2"}
    parts = {"yaxis2": {"domain": [0.7, 1], "anchor": "x"}}
    root = drawn(figure(line(5.0, 6.0), upper, y={"domain": [0, 0.6]}, **parts))
    below, above = [points(path) for path in root.iter("path") if path.get("stroke") == LIGHT.winner]
    assert [x for x, _ in below] == [x for x, _ in above]
    assert max(y for _, y in above) < min(y for _, y in below)


def test_an_axis_reaches_as_far_as_its_marks_unless_it_says_its_range() -> None:
    shapes, notes = vertical_mark(LIGHT, 10, "later", side="left")
    marked = {"shapes": shapes, "annotations": notes}
    assert {"later", "10"} <= set(texts(drawn(figure(line(1.0, 2.0, 3.0), **marked))))
    short = drawn(figure(line(1.0, 2.0, 3.0), x={"range": [0, 4]}, **marked))
    assert "later" not in texts(short)
    assert not [path for path in short.iter("path") if path.get("stroke") == LIGHT.ink]


def test_small_figures_side_by_side_have_their_own_axes() -> None:
    second = {**line(1.0, 2.0), "xaxis": "x2", "yaxis": "y2", "line": {"color": LIGHT.warning}}
    layout = {
        "xaxis2": {"domain": [0.6, 1], "anchor": "y2", "tickvals": [0, 1], "ticktext": ["none", "all"]},
        "yaxis2": {"anchor": "x2", "title": {"text": "right one"}, "tickvals": [1], "ticktext": ["low"]},
    }
    root = drawn(figure(line(1.0, 2.0), second, x={"domain": [0, 0.4]}, y={"anchor": "x"}, **layout))
    left = max(x for x, _ in points(curve(root)))
    (right,) = [points(path) for path in root.iter("path") if path.get("stroke") == LIGHT.warning]
    at = {text.text: float(text.get("x", 0)) for text in root.iter("text")}
    assert left < at["low"] < min(x for x, _ in right) <= at["none"] < at["all"]
    assert at["right one"] > left
    assert at["loss"] == 0


def test_bars_at_numbers_have_room_and_shares_are_percentages() -> None:
    bars = {"type": "bar", "orientation": "h", "x": [0.2, 0.5], "y": [0, 1], "text": ["20%", "50%"]}
    ticks = {"tickvals": [0, 1], "ticktext": ["lr", "momentum"]}
    root = drawn(figure({**bars, "marker": {"color": LIGHT.winner}}, x={"tickformat": ".0%"}, y=ticks))
    tops = [float(rect.get("y", 0)) for rect in root.iter("rect") if rect.get("fill") == LIGHT.winner]
    assert min(tops) > 30
    assert {"0%", "20%", "40%", "lr", "momentum"} <= set(texts(root))


def test_an_axis_that_is_not_to_be_seen_is_not() -> None:
    assert texts(drawn(figure(line(1.0, 2.0), x={"visible": False}, y={"visible": False}))) == []

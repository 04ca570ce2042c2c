"""Stills: a figure as Plotly lays it out, so that the plot which takes its place moves nothing."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.figures.palette import DARK, LIGHT, palette_of
from service.svg import Entry, Size, Undrawable, still
from service.svg.legend import ROW, height, rows
from tests.unit.service.svg.reading import Element, coordinates, curve, figure, line, points, texts

SIZE = Size(600, 330)


def drawn(found: Any, size: Size = SIZE) -> Element:
    return ElementTree.fromstring(still(found, size))


def test_a_curve_reaches_from_margin_to_margin() -> None:
    places = points(curve(drawn(figure(line(*range(50))))))
    assert places[0] == pytest.approx((56, 330 - 48 - 0.05 * 268), abs=2)
    assert places[-1] == pytest.approx((600 - 20, 14 + 0.05 * 268), abs=2)


def test_names_of_ticks_make_a_margin_wider_and_never_narrower() -> None:
    small = points(curve(drawn(figure(line(1, 2)))))[0][0]
    large = points(curve(drawn(figure(line(1e6, 2e6)))))[0][0]
    assert small == 56 < large


def test_titles_stand_in_the_middle_of_their_axes_an_upright_one_turned() -> None:
    root = drawn(figure(line(1, 2)))
    flat, upright = (next(text for text in root.iter("text") if text.text == name) for name in ("step", "loss"))
    assert flat.get("x") == str((56 + 580) // 2)
    assert "rotate(-90)" in (upright.get("transform") or "")


def test_a_legend_stands_above_the_plot_and_pushes_it_down() -> None:
    named = [line(1, 2, name=name) for name in ("chosen", "others")]
    root = drawn(figure(*named, showlegend=True))
    assert {"chosen", "others"} <= set(texts(root))
    highest = min(y for path in root.iter("path") if path.get("class") == "curve" for _, y in points(path))
    assert highest == pytest.approx(46 + 0.05 * 236, abs=2)


ENTRIES = some.lists(some.text("abcdefgh ", min_size=1, max_size=30), min_size=1, max_size=12)


@given(ENTRIES, some.floats(200, 1200))
def test_every_entry_of_a_legend_has_a_place_of_its_own(labels: list[str], room: float) -> None:
    found = rows([Entry("", label) for label in labels], room)
    assert [entry.label for row in found for _, entry in row] == labels
    for row in found:
        places = [at for at, _ in row]
        assert places == sorted(set(places))
        assert len(row) == 1 or places[-1] < room
    assert height(found) == len(found) * ROW + 10


def test_without_entries_there_is_no_legend() -> None:
    assert height(rows([], 300)) == 0


def test_a_dark_page_gets_dark_colours() -> None:
    dark = {"line": {"color": palette_of("dark").winner, "width": 2}}
    root = drawn(figure(line(1.0, 2.0, **dark)))
    assert any(path.get("stroke") == DARK.winner for path in root.iter("path"))
    assert not any(LIGHT.winner in path.get("style", "") for path in root.iter("path"))


@given(some.lists(some.floats(1e-6, 1e6), min_size=2, max_size=40), some.integers(200, 1400), some.integers(150, 900))
def test_every_mark_lies_in_a_still_of_any_size(values: list[float], wide: int, high: int) -> None:
    root = drawn(figure(line(*values), y={"type": "log"}), Size(wide, high))
    for path in root.iter("path"):
        assert all(-1 <= number <= max(wide, high) + 1 for number in coordinates(path))


def test_what_there_is_no_picture_of_is_refused() -> None:
    with pytest.raises(Undrawable):
        still(figure({"type": "pie"}), SIZE)

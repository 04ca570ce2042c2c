"""Plotly's labels as plain words: ours lose their tags, users' keep every character."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from service.figures.labels import escape
from service.svg.labels import fitted, lines, plain, width


@given(some.text())
def test_what_users_wrote_comes_back_as_it_was(text: str) -> None:
    assert "".join(lines(escape(text))) == text


def test_breaks_are_lines_and_other_tags_go() -> None:
    assert lines("<b>batch 64</b><br>lr 0.1 &lt;b&gt;") == ("batch 64", "lr 0.1 <b>")
    assert plain("a<br>b<br/>") == "a · b"
    assert lines(None) == ("",)


@given(some.text(min_size=1), some.floats(0, 300))
def test_what_is_fitted_fits(text: str, room: float) -> None:
    found = fitted(text, 12, room)
    assert found == text or width(found, 12) <= max(room, width("…", 12))


def test_wide_characters_are_wider() -> None:
    assert width("ill", 12) < width("abc", 12) < width("MWM", 12)

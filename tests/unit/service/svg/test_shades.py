"""Colours of both themes: roles keep their meaning, and words can be read on every step of a scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.figures.palette import DARK, LIGHT
from service.svg.shades import Shade, between, shade, words_on


def test_a_role_of_the_light_palette_is_the_same_role_of_the_dark_one() -> None:
    assert shade(LIGHT.winner) == Shade(LIGHT.winner, DARK.winner)
    assert shade(LIGHT.context) == Shade(LIGHT.context, DARK.context)
    assert [shade(color).dark for color in LIGHT.series] == list(DARK.series)
    assert shade("#123456") == Shade("#123456", "#123456")


def test_css_says_both() -> None:
    assert shade(LIGHT.ink).css("fill", "stroke") == (
        f"fill:light-dark({LIGHT.ink},{DARK.ink});stroke:light-dark({LIGHT.ink},{DARK.ink})"
    )
    assert Shade("red", "red").css("fill") == "fill:red"


@pytest.mark.parametrize("index", range(len(LIGHT.scale)))
def test_a_scale_goes_through_its_own_colours(index: int) -> None:
    position, color = LIGHT.scale[index]
    assert between(LIGHT.scale, position) == Shade(color, DARK.scale[index][1])


def test_beyond_its_ends_a_scale_stays() -> None:
    assert between(LIGHT.scale, -1) == between(LIGHT.scale, 0)
    assert between(LIGHT.scale, 2) == between(LIGHT.scale, 1)


@given(some.floats(0, 1))
def test_words_on_a_scale_can_be_read_in_both_themes(share: float) -> None:
    ground = between(LIGHT.scale, share)
    ink = words_on(ground)
    for color, words in ((ground.light, ink.light), (ground.dark, ink.dark)):
        assert contrast(color, words) >= 4.5


def contrast(first: str, second: str) -> float:
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

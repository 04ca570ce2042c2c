"""Colours that follow the theme: each is a pair of what it is on light and on dark pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise

from service.figures.palette import DARK, LIGHT, Palette

Scale = Sequence[tuple[float, str]]
"""A sequential scale as Plotly has it: (position from 0 to 1, colour)."""

_READABLE = 0.179
"""Luminance above which dark words are easier to read than light ones (where WCAG's contrasts to both are equal)."""

_DARKEST = 0.04045
"""Share of a colour's part below which sRGB is linear."""


@dataclass(frozen=True)
class Shade:
    """A colour on light and on dark ground."""

    light: str
    dark: str

    def css(self, *properties: str) -> str:
        """Return declarations that set `properties` to this colour by the page's colour scheme."""
        value = self.light if self.light == self.dark else f"light-dark({self.light},{self.dark})"
        return ";".join(f"{name}:{value}" for name in properties)


def shade(color: str) -> Shade:
    """Return the shade that `color`, one of the light palette's, stands for; any other colour is itself in both."""
    return Shade(color, _dark_of().get(color, color))


def between(scale: Scale, share: float) -> Shade:
    """Return the colour at `share` (0 to 1) of a sequential scale of the light palette."""
    share = min(1.0, max(0.0, share))
    dark = _dark_of()
    return Shade(_mixed(scale, share), _mixed([(at, dark.get(color, color)) for at, color in scale], share))


def words_on(ground: Shade) -> Shade:
    """Return the colour in which words are read best on `ground`."""
    return Shade(_words_on(ground.light), _words_on(ground.dark))


def _mixed(scale: Scale, share: float) -> str:
    for (low, first), (high, second) in pairwise(scale):
        if share <= high:
            weight = (share - low) / (high - low) if high > low else 0.0
            mixed = (round(a + (b - a) * weight) for a, b in zip(_rgb(first), _rgb(second), strict=True))
            return "#" + "".join(f"{part:02x}" for part in mixed)
    return scale[-1][1]


def _words_on(color: str) -> str:
    return "#000000" if _luminance(color) > _READABLE else "#ffffff"


def _luminance(color: str) -> float:
    """Return the relative luminance of a colour, 0 (black) to 1 (white), as WCAG defines it."""
    red, green, blue = (_linear(part / 255) for part in _rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _DARKEST else ((part + 0.055) / 1.055) ** 2.4


def _rgb(color: str) -> tuple[int, ...]:
    """Return the parts of ``#rrggbb`` or ``rgb(a)(r, g, b, ...)``; of anything else those of a middle grey."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        return tuple(int(color[at : at + 2], 16) for at in (1, 3, 5))
    found = re.match(r"rgba?\(\s*(\d+)\D+(\d+)\D+(\d+)", color)
    return tuple(int(part) for part in found.groups()) if found else (128, 128, 128)


@cache
def _dark_of() -> dict[str, str]:
    pairs = list(zip(_colors(LIGHT), _colors(DARK), strict=True))
    return dict(reversed(pairs))  # where two roles share a light colour, the first of them counts


def _colors(palette: Palette) -> Iterator[str]:
    for role in fields(palette):
        yield from _flat(getattr(palette, role.name))


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _flat(part)

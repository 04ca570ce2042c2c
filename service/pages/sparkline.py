"""A line the size of a few words, as a path for SVG: drawn by the server, so that a list needs no script for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.format import count, number

WIDTH, HEIGHT = 132, 34
"""Of the picture, in its own units."""

_MARGIN = 4


@dataclass(frozen=True)
class Spark:
    """A line that goes up and down in steps: a best value holds until there is a better one.

    Attributes:
        path: for ``<path d>``.
        x: of its end; y: likewise.
        words: what it shows, for who cannot see it.
    """

    path: str
    x: float
    y: float
    words: str


def sparkline(values: Sequence[float]) -> Spark | None:
    """Return the line of the best so far, None before there are two values. One that is level lies in the middle."""
    if len(values) < 2:  # noqa: PLR2004 (a line has two ends)
        return None
    lowest, highest = min(values), max(values)
    across = (WIDTH - 2 * _MARGIN) / (len(values) - 1)
    xs = [round(_MARGIN + index * across, 1) for index in range(len(values))]
    ys = [round(_height(value, lowest, highest), 1) for value in values]
    path = f"M{xs[0]:g} {ys[0]:g}" + "".join(f"H{x:g}V{y:g}" for x, y in zip(xs[1:], ys[1:], strict=True))
    return Spark(path, xs[-1], ys[-1], _words(values))


def _height(value: float, lowest: float, highest: float) -> float:
    span = highest / 2 - lowest / 2  # halves: the whole may be more than a float holds
    share = (value / 2 - lowest / 2) / span if span > 0 else 0.5
    return HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN)


def _words(values: Sequence[float]) -> str:
    first, last = number(values[0]), number(values[-1])
    if first == last:
        return f"Best so far: {last} since the first result"
    return f"Best so far: from {first} to {last} in {count(len(set(values)) - 1, 'step')}"

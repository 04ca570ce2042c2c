"""The packing bench as one picture: per case, how many times faster than one run after another, by number of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from service.figures.palette import LIGHT
from tests.bench.packing_cases import cases
from tests.bench.packing_results import IN_WORDS, Results

PANEL_WIDTH, PANEL_HEIGHT = 290, 210
COLUMNS = 3
TOP, LEGEND = 34, 44
LEGEND_COLUMNS = 4
LEFT, RIGHT, HEAD, FOOT = 40, 14, 34, 34
"""Around the plot area of a panel."""

FONT = 'font-family="system-ui, sans-serif"'
DRAWN = ("serial", "channels_last", "cuda_graph", "processes", "vmap", "batched", "packs")


def figure(results: Results, machine: Mapping[str, Any]) -> str:
    """Return an SVG document."""
    names = [case for case in cases() if any(each.case == case.name for each in results.measurements)]
    modes = [mode for mode in DRAWN if any(each.mode == mode and each.rates for each in results.measurements)]
    rows = -(-len(names) // COLUMNS)
    width, height = COLUMNS * PANEL_WIDTH, TOP + LEGEND + rows * PANEL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>',
        f'<rect width="{width}" height="{height}" fill="{LIGHT.paper}"/>',
        _text(LEFT, 22, f"K runs at once, times faster than one after another ({machine['device']})", size=15),
        *_legend(modes),
    ]
    for index, case in enumerate(names):
        x, y = index % COLUMNS * PANEL_WIDTH, TOP + LEGEND + index // COLUMNS * PANEL_HEIGHT
        parts += [f'<g transform="translate({x},{y})">', *_panel(results, case.name, case.title, modes), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _legend(modes: Sequence[str]) -> Iterator[str]:
    column = (COLUMNS * PANEL_WIDTH - LEFT) // LEGEND_COLUMNS
    for index, mode in enumerate(modes):
        x, y = LEFT + index % LEGEND_COLUMNS * column, TOP + index // LEGEND_COLUMNS * 18
        yield f'<rect x="{x}" y="{y + 8}" width="16" height="3" fill="{_colour(mode)}"/>'
        yield _text(x + 21, y + 13, IN_WORDS[mode], size=11)


def _panel(results: Results, case: str, title: str, modes: Sequence[str]) -> Iterator[str]:
    curves = {mode: _curve(results, case, mode) for mode in modes}
    members = sorted({each.members for each in results.measurements if each.case == case})
    highest = max((gain for curve in curves.values() for gain in curve.values()), default=1.0)
    scale = _Scale(members, max(1.0, highest) * 1.08)
    yield _text(LEFT, 20, title, size=13)
    yield from _axes(scale, members)
    for mode, curve in curves.items():
        points = [(scale.x(count), scale.y(gain)) for count, gain in sorted(curve.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{_colour(mode)}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_colour(mode)}"/>' for x, y in points)


def _curve(results: Results, case: str, mode: str) -> dict[int, float]:
    found = [each for each in results.measurements if (each.case, each.mode) == (case, mode) and each.rates]
    return {each.members: gain for each in found if (gain := results.gain(each)) is not None}


class _Scale:
    """From a number of runs, evenly spaced, and a gain to a place in the panel."""

    def __init__(self, members: Sequence[int], highest: float) -> None:
        self._members = members
        self.highest = highest

    def x(self, count: int) -> float:
        steps = max(1, len(self._members) - 1)
        return LEFT + self._members.index(count) * (PANEL_WIDTH - LEFT - RIGHT) / steps

    def y(self, gain: float) -> float:
        return PANEL_HEIGHT - FOOT - gain / self.highest * (PANEL_HEIGHT - HEAD - FOOT)

    def ticks(self) -> list[int]:
        step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if self.highest / step <= 5)
        return list(range(0, int(self.highest) + 1, step))


def _axes(scale: _Scale, members: Sequence[int]) -> Iterator[str]:
    for tick in scale.ticks():
        y = scale.y(tick)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{PANEL_WIDTH - RIGHT}" y2="{y:.1f}" stroke="{LIGHT.grid}"/>'
        yield _text(LEFT - 6, y + 4, f"{tick}x", size=10, anchor="end", colour=LIGHT.muted)
    for count in members:
        yield _text(scale.x(count), PANEL_HEIGHT - FOOT + 14, str(count), size=10, anchor="middle", colour=LIGHT.muted)
    yield _text(
        (LEFT + PANEL_WIDTH - RIGHT) / 2, PANEL_HEIGHT - 6, "runs", size=10, anchor="middle", colour=LIGHT.muted
    )


def _colour(mode: str) -> str:
    if mode == "serial":
        return LIGHT.muted
    return LIGHT.series[DRAWN.index(mode) - 1]


def _text(x: float, y: float, words: str, *, size: int, anchor: str = "start", colour: str = LIGHT.ink) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"

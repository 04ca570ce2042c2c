"""The frame of a picture: where its axes lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.svg.axis import TEXT, Axis, Trace
from service.svg.extent import scale_for
from service.svg.labels import width
from service.svg.scale import Scale

TITLE = 20.0
"""Height of the line that an axis's title takes."""

_AXIS = re.compile(r"[xy]axis\d*")
_LEFT, _RIGHT, _BOTTOM = 14.0, 18.0, 26.0
_WIDEST = 0.36
"""Share of the picture that the names of a vertical axis may take."""

Said = dict[str, Any]
"""A part of a layout."""


@dataclass(frozen=True)
class Frame:
    """The plotted area in pixels, and its axes by id; `turned`: titles of upright axes stand upright beside them."""

    left: float
    right: float
    top: float
    bottom: float
    axes: Mapping[str, Axis]
    turned: bool = False

    def scale(self, axis: str) -> Scale:
        return self.axes[axis].scale

    def of(self, trace: Trace) -> tuple[Scale, Scale]:
        """Return the scales that a trace is drawn on."""
        return self.scale(trace.get("xaxis", "x")), self.scale(trace.get("yaxis", "y"))


@dataclass(frozen=True)
class Plan:
    """The axes of a figure before they have a place: scales without pixels, and what the layout says, both by id."""

    said: Mapping[str, Said]
    scales: Mapping[str, Scale]
    partners: Mapping[str, frozenset[str]]

    def of(self, letter: str) -> dict[str, Said]:
        return {name: self.said.get(name, {}) for name in self.scales if name.startswith(letter)}

    def titled(self, letter: str) -> bool:
        return any(title(said) for said in self.of(letter).values())

    def axes(
        self, letter: str, start: float, end: float, most: Callable[[Scale], int] | None = None
    ) -> dict[str, Axis]:
        """Return the axes of a direction between two pixels, each in its ``domain``; `most` is how many ticks."""
        found = {}
        for name, said in self.of(letter).items():
            scale = _placed(self.scales[name], said, start, end)
            found[name] = Axis(name, said, scale, self.partners[name], most(scale) if most else None)
        return found


def plan(traces: list[Trace], layout: Said) -> Plan:
    said = {key.replace("axis", ""): value for key, value in layout.items() if _AXIS.fullmatch(key)}
    used = {trace.get(f"{letter}axis", letter) for trace in traces for letter in "xy"}
    scales = {name: scale_for(name, said.get(name, {}), traces, layout) for name in sorted(used | said.keys())}
    return Plan(said, scales, {name: _partners(name, traces, said) for name in scales})


def frame(traces: list[Trace], layout: Said, wide: float, high: float, spare: float) -> Frame:
    """Return the frame for `traces` in a picture of `wide` times `high` pixels, `spare` of them kept free on the right.

    The upright axes are laid out first: the names of their ticks say how much room they take on the left.
    """
    found = plan(traces, layout)
    top = 10.0 + TITLE * found.titled("y")
    bottom = high - _BOTTOM - TITLE * found.titled("x")
    upright = found.axes("y", bottom, top)
    left = _LEFT + _names_width([axis for axis in upright.values() if not axis.right], wide)
    right = wide - _RIGHT - spare - _names_width([axis for axis in upright.values() if axis.right], wide)
    return Frame(left, right, top, bottom, found.axes("x", left, right) | upright)


def _partners(name: str, traces: list[Trace], said: Mapping[str, Said]) -> frozenset[str]:
    """Return the axes that are drawn together with one: those of its traces, and the one that it is anchored to."""
    letter, other = name[0], "y" if name.startswith("x") else "x"
    used = {trace.get(f"{other}axis", other) for trace in traces if trace.get(f"{letter}axis", letter) == name}
    return frozenset(used | ({said[name]["anchor"]} if "anchor" in said.get(name, {}) else set()))


def title(said: Said) -> str:
    """Return the title of an axis, "" without one."""
    return Axis("x", said, Scale("linear", 0, 1)).title


def _placed(scale: Scale, said: Said, start: float, end: float) -> Scale:
    """Return the scale in its ``domain``: the share of the way from `start` to `end` that is its own."""
    low, high = said.get("domain", (0, 1))
    return scale.between(start + low * (end - start), start + high * (end - start))


def _names_width(axes: list[Axis], wide: float) -> float:
    return min(longest_name(axes), _WIDEST * wide) + 8.0


def longest_name(axes: list[Axis]) -> float:
    """Return how wide the widest name of a tick of these axes is, in pixels."""
    shown = [axis for axis in axes if axis.said.get("showticklabels", True)]
    return max((width(tick.label, TEXT) for axis in shown for tick in axis.ticks()), default=0.0)

"""The frame of a picture: where its axes lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


@dataclass(frozen=True)
class Frame:
    """The plotted area in pixels, and its axes by id."""

    left: float
    right: float
    top: float
    bottom: float
    axes: Mapping[str, Axis]

    def scale(self, axis: str) -> Scale:
        return self.axes[axis].scale

    def of(self, trace: Trace) -> tuple[Scale, Scale]:
        """Return the scales that a trace is drawn on."""
        return self.scale(trace.get("xaxis", "x")), self.scale(trace.get("yaxis", "y"))


def frame(traces: list[Trace], layout: dict[str, Any], wide: float, high: float, spare: float) -> Frame:
    """Return the frame for `traces` in a picture of `wide` times `high` pixels, `spare` of them kept free on the right.

    The upright axes are laid out first: the names of their ticks say how much room they take on the left.
    """
    said = {key.replace("axis", ""): value for key, value in layout.items() if _AXIS.fullmatch(key)}
    used = {trace.get(f"{letter}axis", letter) for trace in traces for letter in "xy"}
    scales = {name: scale_for(name, said.get(name, {}), traces, layout) for name in sorted(used | said.keys())}
    top = 10.0 + TITLE * any(_titled(said.get(name, {})) for name in scales if name.startswith("y"))
    bottom = high - _BOTTOM - TITLE * any(_titled(said.get(name, {})) for name in scales if name.startswith("x"))
    partners = {name: _partners(name, traces, said) for name in scales}

    def axes(letter: str, start: float, end: float) -> dict[str, Axis]:
        return {
            name: Axis(name, said.get(name, {}), _placed(scale, said.get(name, {}), start, end), partners[name])
            for name, scale in scales.items()
            if name.startswith(letter)
        }

    upright = axes("y", bottom, top)
    left = _LEFT + _names_width([axis for axis in upright.values() if not axis.right], wide)
    right = wide - _RIGHT - spare - _names_width([axis for axis in upright.values() if axis.right], wide)
    return Frame(left, right, top, bottom, axes("x", left, right) | upright)


def _partners(name: str, traces: list[Trace], said: dict[str, dict[str, Any]]) -> frozenset[str]:
    """Return the axes that are drawn together with one: those of its traces, and the one that it is anchored to."""
    letter, other = name[0], "y" if name.startswith("x") else "x"
    used = {trace.get(f"{other}axis", other) for trace in traces if trace.get(f"{letter}axis", letter) == name}
    return frozenset(used | ({said[name]["anchor"]} if "anchor" in said.get(name, {}) else set()))


def _titled(said: dict[str, Any]) -> bool:
    return bool(Axis("x", said, Scale("linear", 0, 1)).title)


def _placed(scale: Scale, said: dict[str, Any], start: float, end: float) -> Scale:
    """Return the scale in its ``domain``: the share of the way from `start` to `end` that is its own."""
    low, high = said.get("domain", (0, 1))
    return scale.between(start + low * (end - start), start + high * (end - start))


def _names_width(axes: list[Axis], wide: float) -> float:
    shown = [axis for axis in axes if axis.said.get("showticklabels", True)]
    longest = max((width(tick.label, TEXT) for axis in shown for tick in axis.ticks()), default=0.0)
    return min(longest, _WIDEST * wide) + 8.0

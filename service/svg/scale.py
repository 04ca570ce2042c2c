"""From values to pixels: linear, logarithmic, or one place for each of some names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.svg.ticks import Tick, linear_ticks, log_ticks

Kind = Literal["linear", "log", "category"]


@dataclass(frozen=True)
class Scale:
    """An axis between two places in pixels.

    Attributes:
        low, high: values at ``start`` and at ``end``, in units: logarithms to base 10 on a log scale, indexes of
            `names` on a scale of categories. The low end may be the higher number: then the axis is reversed.
        start, end: pixels; on a vertical axis ``start`` lies below ``end`` and is the larger.
    """

    kind: Kind
    low: float
    high: float
    start: float = 0.0
    end: float = 1.0
    names: tuple[str, ...] = ()

    def between(self, start: float, end: float) -> Scale:
        return Scale(self.kind, self.low, self.high, start, end, self.names)

    @property
    def length(self) -> float:
        """In pixels."""
        return abs(self.end - self.start)

    def unit(self, value: object) -> float | None:
        """Return where a trace's value lies, in units; None for what has no place here (a gap, 0 on a log scale)."""
        if self.kind == "category":
            return float(self.names.index(str(value))) if str(value) in self.names else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.kind == "log":
            return math.log10(value) if value > 0 else None
        return float(value)

    def pixel(self, unit: float) -> float:
        return self.start + (unit - self.low) / (self.high - self.low) * (self.end - self.start)

    def at(self, value: object) -> float | None:
        """Return the pixel of a trace's value, None where `unit` has no place for it."""
        unit = self.unit(value)
        return None if unit is None else self.pixel(unit)

    def ticks(self, most: int) -> tuple[Tick, ...]:
        low, high = sorted((self.low, self.high))
        match self.kind:
            case "category":
                return tuple(Tick(float(index), name) for index, name in enumerate(self.names))
            case "log":
                return log_ticks(low, high, most)
            case "linear":
                return linear_ticks(low, high, most)

    def shows(self, unit: float) -> bool:
        low, high = sorted((self.low, self.high))
        margin = 1e-9 * (high - low)
        return low - margin <= unit <= high + margin


def kind_of(axis: dict[str, Any], values: Iterable[object]) -> Kind:
    """Return an axis's kind: as it says itself, otherwise by whether its values are texts."""
    said = axis.get("type")
    if said == "category":
        return "category"
    if said == "log":
        return "log"
    given = [value for value in values if value is not None]
    return "category" if said is None and given and all(isinstance(value, str) for value in given) else "linear"


def scale_of(axis: dict[str, Any], padded: list[object], padding: float, tight: Sequence[object] = ()) -> Scale:
    """Return the scale of a Plotly axis that shows all of `padded` and `tight`.

    Args:
        axis: its part of the layout.
        padded: values of traces, gaps included; in a category's first appearance lies its place.
        padding: share of the range that keeps `padded` from either end where the axis does not say its range.
        tight: values of traces that may reach to the ends.
    """
    values = [*padded, *tight]
    kind = kind_of(axis, values)
    if kind == "category":
        names = tuple(dict.fromkeys(str(value) for value in values if value is not None))
        scale = Scale(kind, -0.5, max(len(names), 1) - 0.5, names=names)
    else:
        to_zero = kind == "linear" and axis.get("rangemode") == "tozero"
        scale = Scale(kind, *_fitted(_units(kind, padded), _units(kind, tight), padding, to_zero=to_zero))
    if "range" in axis and axis.get("autorange") is None:
        first, second = (float(end) for end in axis["range"])
        scale = Scale(kind, first, second, names=scale.names)
    return Scale(kind, scale.high, scale.low, names=scale.names) if axis.get("autorange") == "reversed" else scale


def _units(kind: Kind, values: Iterable[object]) -> list[float]:
    return [unit for value in values if (unit := Scale(kind, 0, 1).unit(value)) is not None]


def _fitted(padded: list[float], tight: list[float], padding: float, *, to_zero: bool) -> tuple[float, float]:
    if not (padded or tight):
        return 0.0, 1.0
    low, high = min(padded + tight), max(padded + tight)
    if low == high:
        return low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    margin = padding * (high - low)
    first = min([unit - margin for unit in padded] + tight)
    last = max([unit + margin for unit in padded] + tight)
    if not to_zero:
        return first, last
    return min(0.0, first) if low < 0 else 0.0, max(0.0, last) if high > 0 else 0.0

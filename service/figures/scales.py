"""Which axes of a figure may change between linear and logarithmic, as the reader likes: read off the figure itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

Kind = Literal["linear", "log"]

_AXES: Final = {"x": "xaxis", "y": "yaxis"}


@dataclass(frozen=True)
class Scale:
    """An axis of numbers: how it is drawn, and why it cannot be logarithmic ("" where it can)."""

    kind: Kind
    no_log: str = ""


def scales_of(figure: Mapping[str, Any] | None) -> dict[str, Scale]:
    """Return the scales of the figure's first horizontal and vertical axis, as ``x`` and ``y``.

    One of categories or dates has none, nor has a figure without axes.
    """
    if figure is None:
        return {}
    found = {name: _scale(name, figure, figure.get("layout", {}).get(axis, {})) for name, axis in _AXES.items()}
    return {name: scale for name, scale in found.items() if scale is not None}


def _scale(name: str, figure: Mapping[str, Any], axis: Mapping[str, Any]) -> Scale | None:
    kind: Kind | None = axis.get("type") if axis.get("type") in ("linear", "log") else None
    if kind is None:
        return None
    lowest = min((_lowest(trace.get(name, ())) for trace in figure["data"] if _stands_on(trace, name)), default=np.inf)
    return Scale(kind, "" if lowest > 0 else "there are values of 0 or below")


def _stands_on(trace: Mapping[str, Any], name: str) -> bool:
    return bool(trace.get(f"{name}axis", name) == name)


def _lowest(values: Sequence[Any]) -> float:
    """Return the lowest of these numbers, gaps (None) aside; infinity where there is none, or where they are words."""
    try:
        numbers = np.array(values, np.float64)
    except ValueError:
        return np.inf
    return float(np.min(numbers, initial=np.inf, where=~np.isnan(numbers)))

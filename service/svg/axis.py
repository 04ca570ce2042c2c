"""An axis of a picture: its scale, its ticks and its title, as the layout says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.svg.labels import plain
from service.svg.scale import Scale
from service.svg.ticks import Tick

Trace = dict[str, Any]
TEXT = 12.0
"""Size of ticks and titles in pixels."""

_PERCENT = re.compile(r"\.\d%")
_LINES_X, _LINES_Y = 84.0, 46.0
"""Pixels from one tick to the next, at least about."""


@dataclass(frozen=True)
class Axis:
    """An axis of the layout.

    Attributes:
        id: ``x``, ``y``, ``y2``, ...
        said: its part of the layout.
        scale: in pixels of the picture.
        partners: ids of the axes of the other direction that it stands on.
        most: about how many ticks it has; None for as many as its names leave room for.
    """

    id: str
    said: dict[str, Any]
    scale: Scale
    partners: frozenset[str] = frozenset()
    most: int | None = None

    @property
    def upright(self) -> bool:
        return self.id.startswith("y")

    @property
    def right(self) -> bool:
        return self.said.get("side") == "right"

    def ticks(self) -> tuple[Tick, ...]:
        """Return its ticks, the axis's own where it names them."""
        if not self.said.get("visible", True):
            return ()
        if "tickvals" in self.said:
            return tuple(self._own_ticks())
        found = self.scale.ticks(
            self.most or max(3, round(self.scale.length / (_LINES_Y if self.upright else _LINES_X)))
        )
        return tuple(self._named(tick) for tick in found if self.scale.shows(tick.at))

    def _named(self, tick: Tick) -> Tick:
        """Return a tick with its name in the axis's own form, where that is a percentage."""
        form = str(self.said.get("tickformat", ""))
        return Tick(tick.at, format(tick.at, form)) if _PERCENT.fullmatch(form) else tick

    def _own_ticks(self) -> Iterator[Tick]:
        values = self.said["tickvals"]
        for value, text in zip(values, self.said.get("ticktext", values), strict=False):
            unit = self.scale.unit(value)
            if unit is not None and self.scale.shows(unit):
                yield Tick(unit, plain(text))

    @property
    def title(self) -> str:
        said = self.said.get("title", "") if self.said.get("visible", True) else ""
        return plain(said.get("text", "") if isinstance(said, dict) else said)

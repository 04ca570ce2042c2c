"""A curve as it is drawn: smoothed, over the axis of choice, thinned, and finer where the reader has zoomed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.figures.axes import TITLES, Axis, Ruler, on_axis, positions, time_unit
from service.figures.series import Series, series
from studies.core.curves import smooth
from studies.core.snapshot import Curve

OUTSIDE_POINTS = 60
"""Points on either side of the range that is looked at: enough to drag into while finer ones are on their way."""

EVERY_POINT = 2**31
"""More points than any curve has: nothing is thinned."""

NOTHING_KNOWN = Ruler()


@dataclass(frozen=True)
class CurveLook:
    """What the reader chose for the curves of a figure.

    Attributes:
        metric: its name.
        smooth: from 0 (as it is) to 100 (a window of a third of the curve).
        axis: what the curves are drawn over.
        start, end: the range of the axis that is looked at, in its own units; None for all of it.
        select: numbers of the trials that are to be seen whatever else is.
        points: most points of a curve within the range; None for as many as a figure can bear.
    """

    metric: str
    smooth: int = 0
    axis: Axis = "step"
    start: float | None = None
    end: float | None = None
    select: tuple[int, ...] = ()
    points: int | None = None


@dataclass(frozen=True)
class DrawnCurve:
    """A curve and, behind it, the raw one; the same where nothing is smoothed."""

    curve: Series
    raw: Series


def draw_curve(
    curve: Curve, look: CurveLook, points: int, by: Ruler = NOTHING_KNOWN, unit: float = 1.0
) -> DrawnCurve | None:
    """Return the curve as `look` wants it, None where its place on the axis is not known.

    Args:
        curve: the whole of it.
        look: as the reader chose.
        points: most points within the range, unless `look` says otherwise.
        by: what its steps are measured by.
        unit: what positions on the axis are divided by.
    """
    most = look.points or points
    raw = _placed(curve, look, most, by, unit)
    if raw is None:
        return None
    window = max(1, round(len(curve) * look.smooth / 300))
    shown = _placed(smooth(curve, window), look, most, by, unit) if window > 1 else raw
    return DrawnCurve(shown or raw, raw)


def unit_of(axis: Axis, measured: Iterable[tuple[Curve, Ruler]]) -> tuple[float, str]:
    """Return what positions of these curves on `axis` are divided by, and the words for it, "" where that is nothing.

    Times are told in the unit in which the longest is easy to read.
    """
    if axis != "time":
        return 1.0, ""
    ends = [positions(axis, curve.steps[-1:], by) for curve, by in measured if len(curve)]
    return time_unit(max((float(end[0]) for end in ends if end is not None), default=0.0))


def over(axis: Axis, unit: str) -> str:
    """Return the title of an axis: ``step``, ``time trained (hours)``."""
    return TITLES[axis] + (f" ({unit})" if unit else "")


def _placed(curve: Curve, look: CurveLook, points: int, by: Ruler, unit: float) -> Series | None:
    """Return the curve over the axis: `points` within the range that is looked at, few on either side of it."""
    at = positions(look.axis, curve.steps, by)
    if at is None:
        return None
    exact = look.points is not None  # asked for by whoever wants the values themselves
    found = on_axis(_thinned(curve, _parts(at / unit, look), points, exact=exact), look.axis, by)
    if found is None or unit == 1.0:
        return found
    return Series(tuple(step / unit for step in found.steps), found.values)


def _parts(at: NDArray[np.float64], look: CurveLook) -> tuple[int, int]:
    """Return the first index and the one behind the last that are within the range, with a neighbour on either side."""
    first = 0 if look.start is None else int(np.searchsorted(at, look.start)) - 1
    last = at.size if look.end is None else int(np.searchsorted(at, look.end, side="right")) + 1
    return max(0, first), max(0, min(at.size, last))


def _thinned(curve: Curve, parts: tuple[int, int], points: int, *, exact: bool) -> Series:
    first, last = parts
    pieces = (
        series(_cut(curve, 0, first), OUTSIDE_POINTS, exact=exact),
        series(_cut(curve, first, last), points, exact=exact),
        series(_cut(curve, max(first, last), len(curve)), OUTSIDE_POINTS, exact=exact),
    )
    steps = (step for piece in pieces for step in piece.steps)
    return Series(tuple(steps), tuple(value for piece in pieces for value in piece.values))


def _cut(curve: Curve, first: int, last: int) -> Curve:
    return Curve(curve.steps[first:last], curve.values[first:last])

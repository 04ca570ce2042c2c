"""One metric of several trials on one axis: told apart by colour, dash and a number on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.figures.axes import Axis, Ruler, on_axis, time_unit
from service.figures.live import CurveLook
from service.figures.series import Series, points_each, series, smoothed
from studies.contract.views import TrialView
from studies.core.snapshot import Curve

DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
COLORS: Final = 7
"""Colours of a palette. With five dashes no two of 35 neighbouring lines look the same."""


@dataclass(frozen=True)
class Compared:
    """A trial to be drawn.

    Attributes:
        name: short, to stand on its line: ``#12``.
        label: what distinguishes it, for hovering; neither is escaped yet.
    """

    trial: TrialView
    name: str
    label: str
    ruler: Ruler


@dataclass(frozen=True)
class CompareLine:
    """A curve as drawn; ``place`` among all that are compared decides its colour and dash."""

    of: Compared
    place: int
    curve: Series
    raw: Series


@dataclass(frozen=True)
class CompareData:
    """Curves on one axis.

    Attributes:
        silent: names of trials that have not reported the metric.
        unmeasured: names of trials whose place on the axis is not known.
        maximize: whether the highest value is the best; None where that is not known.
        unit: what a position is divided by, and the words for it: times are told in minutes or hours.
    """

    look: CurveLook
    axis: Axis
    lines: tuple[CompareLine, ...]
    silent: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    maximize: bool | None = None
    unit: tuple[float, str] = (1.0, "")


def style(place: int) -> tuple[int, str]:
    """Return the colour (an index into a palette's series) and the dash of the line at `place`."""
    return place % COLORS, DASHES[place % len(DASHES)]


def compare_data(
    members: Sequence[Compared],
    curves: Mapping[str, Curve],
    look: CurveLook,
    axis: Axis = "step",
    *,
    maximize: bool | None = None,
) -> CompareData:
    """Return the curves (by trial id) of `look.metric` over `axis`."""
    reported = [(place, member) for place, member in enumerate(members) if len(curves.get(member.trial.id, ())) > 0]
    points = points_each(2 * len(reported))
    found = [(place, member, _drawn(curves[member.trial.id], member, look, axis, points)) for place, member in reported]
    lines = tuple(CompareLine(member, place, *drawn) for place, member, drawn in found if drawn)
    drawn_ids = {member.trial.id for _, member in reported}
    return CompareData(
        look=look,
        axis=axis,
        lines=lines,
        silent=tuple(member.name for member in members if member.trial.id not in drawn_ids),
        unmeasured=tuple(member.name for _, member, drawn in found if drawn is None),
        maximize=maximize,
        unit=_unit(axis, lines),
    )


def _drawn(curve: Curve, of: Compared, look: CurveLook, axis: Axis, points: int) -> tuple[Series, Series] | None:
    """Return the curve and the raw one behind it, None where its place on the axis is not known."""
    shown = on_axis(smoothed(curve, look.smooth, points), axis, of.ruler)
    raw = on_axis(series(curve, points), axis, of.ruler)
    return None if shown is None or raw is None else (shown, raw)


def _unit(axis: Axis, lines: Sequence[CompareLine]) -> tuple[float, str]:
    if axis != "time":
        return 1.0, ""
    return time_unit(max((drawn.curve.steps[-1] for drawn in lines), default=0.0))

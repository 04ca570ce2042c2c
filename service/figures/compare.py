"""One metric of several trials on one axis: told apart by colour, dash and a number on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.figures.axes import Ruler
from service.figures.drawn import CurveLook, draw_curve, unit_of
from service.figures.series import Series, points_each
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
    *,
    maximize: bool | None = None,
) -> CompareData:
    """Return the curves (by trial id) of `look.metric` over `look.axis`."""
    reported = [(place, member) for place, member in enumerate(members) if len(curves.get(member.trial.id, ())) > 0]
    unit = unit_of(look.axis, [(curves[member.trial.id], member.ruler) for _, member in reported])
    points = points_each(2 * len(reported))
    found = [
        (place, member, draw_curve(curves[member.trial.id], look, points, member.ruler, unit[0]))
        for place, member in reported
    ]
    drawn_ids = {member.trial.id for _, member in reported}
    return CompareData(
        look=look,
        lines=tuple(CompareLine(member, place, shown.curve, shown.raw) for place, member, shown in found if shown),
        silent=tuple(member.name for member in members if member.trial.id not in drawn_ids),
        unmeasured=tuple(member.name for _, member, shown in found if shown is None),
        maximize=maximize,
        unit=unit,
    )

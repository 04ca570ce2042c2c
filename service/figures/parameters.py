"""The hyperparameters of a study as axes: which of them vary, on which scale, and where a trial stands on each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.format import number, scalar, words
from studies.contract.base import Scalar
from studies.contract.search_space import FloatRange, IntRange
from studies.contract.study_file import StudySpec
from studies.core.search.dimensions import Categorical, Dimension, Numeric, Scale
from studies.core.search.space import FORM, SCALES, START, start_share
from studies.storage.port import TrialResult

MOST_AXES = 12
"""Most hyperparameters that a figure shows beside one another."""

_FEW_VALUES = 6
"""So many different values are each a tick of their own."""

_GROUPS = 5
"""Parts of an axis whose mean scores are compared, to tell which axes to show where there are too many."""


@dataclass(frozen=True)
class ParameterAxis:
    """A hyperparameter that took more than one value; ``ticks`` are places in [0, 1] with what stands there."""

    dimension: Dimension
    ticks: tuple[tuple[float, str], ...]

    @property
    def name(self) -> str:
        return self.dimension.name

    @property
    def title(self) -> str:
        return words(self.name)

    def place(self, result: TrialResult) -> float:
        """Return where a trial stands, in [0, 1]."""
        return self.dimension.coordinate(values_of(result)[self.name])


def values_of(result: TrialResult) -> Mapping[str, Scalar]:
    """Return what a trial tried: its hyperparameters, and the form and start of its decay."""
    schedule = {FORM: result.schedule.kind, START: start_share(result.schedule, result.num_steps)}
    return {**schedule, **result.params}


def axes(results: Sequence[TrialResult], spec: StudySpec) -> tuple[ParameterAxis, ...]:
    """Return an axis for everything that all trials have and that took more than one value, in the study's order."""
    rows = [values_of(result) for result in results]
    if not rows:
        return ()
    names = [name for name in (*results[-1].params, FORM, START) if all(name in row for row in rows)]
    columns = {name: [row[name] for row in rows] for name in dict.fromkeys(names)}
    return tuple(_axis(name, column, spec) for name, column in columns.items() if len(set(map(str, column))) > 1)


def strongest(found: Sequence[ParameterAxis], results: Sequence[TrialResult]) -> list[ParameterAxis]:
    """Return at most `MOST_AXES` of the axes, those along which the scores differ most, in their own order."""
    if len(found) <= MOST_AXES:
        return list(found)
    scored = [result for result in results if result.score is not None]
    scores = [result.score for result in scored if result.score is not None]
    ranks = np.argsort(np.argsort(np.array(scores))).astype(np.float64)
    kept = sorted(found, key=lambda axis: -_spread(axis, scored, ranks))[:MOST_AXES]
    return [axis for axis in found if axis in kept]


def _spread(axis: ParameterAxis, scored: Sequence[TrialResult], ranks: np.ndarray) -> float:
    """Return the variance of the mean rank between parts of an axis (the correlation ratio, up to a constant)."""
    if not scored:
        return 0.0
    parts = np.minimum((np.array([axis.place(result) for result in scored]) * _GROUPS).astype(int), _GROUPS - 1)
    sizes = np.bincount(parts, minlength=_GROUPS)
    sums = np.bincount(parts, weights=ranks, minlength=_GROUPS)
    means = sums / np.maximum(sizes, 1)
    return float(sizes @ (means - ranks.mean()) ** 2)


# --- one axis ----------------------------------------------------------------------------------------------------


def _axis(name: str, column: Sequence[Scalar], spec: StudySpec) -> ParameterAxis:
    if any(isinstance(value, bool | str) for value in column):
        values = tuple(dict.fromkeys(column))
        category = Categorical(name, values)
        return ParameterAxis(category, tuple((category.coordinate(value), _told(value)) for value in values))
    numbers = sorted({float(value) for value in column})
    numeric = Numeric(name, numbers[0], numbers[-1], _scale(name, spec))
    return ParameterAxis(numeric, _ticks(numeric, numbers))


def _told(value: Scalar) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else scalar(value)


def _scale(name: str, spec: StudySpec) -> Scale:
    given = spec.space.get(name)
    if name in SCALES:
        return SCALES[name]
    return "log" if isinstance(given, FloatRange | IntRange) and given.log else "linear"


def _ticks(axis: Numeric, values: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Return each of few values, else the ends and what lies between them at even distances or at powers of ten."""
    if len(values) > _FEW_VALUES:
        middle = _decades(axis) if axis.scale == "log" else [axis.value(share) for share in (0.25, 0.5, 0.75)]
        values = [axis.low, *middle, axis.high]
    places = {axis.coordinate(value): number(value, 3) for value in values}
    return tuple(_apart(sorted(places.items())))


def _decades(axis: Numeric) -> list[float]:
    low = axis.low if axis.low > 0 else axis.high * 1e-3
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(axis.high)) + 1)
    return [10.0**power for power in powers if low < 10.0**power < axis.high]


def _apart(ticks: Sequence[tuple[float, str]], nearest: float = 0.06) -> list[tuple[float, str]]:
    """Return the ticks that do not stand on one another; both ends always stay."""
    kept = [ticks[0]]
    for tick in ticks[1:-1]:
        if tick[0] - kept[-1][0] >= nearest and ticks[-1][0] - tick[0] >= nearest:
            kept.append(tick)
    return [*kept, *ticks[1:][-1:]]

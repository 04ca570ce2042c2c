"""The space of a guided search: every hyperparameter that may move, and the schedule, as points of a unit cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params, Scalar
from studies.contract.schedule import Schedule
from studies.contract.search_space import (
    BUILT_IN,
    STANDARD,
    Choice,
    FloatRange,
    IntRange,
    ParameterRange,
    active,
    includes,
)
from studies.contract.study_file import DecayProbes, StudySpec
from studies.core import schedules
from studies.core.decay_forms import FORMS
from studies.core.search.dimensions import Categorical, Dimension, Numeric, Scale, Values, ordered
from studies.core.search.lengths import full_length
from studies.core.starting import has_momentum

SCALES: dict[str, Scale] = {"lr": "log", "batch_size": "log", "momentum": "complement", "weight_decay": "log"}

FORM, START = "decay_form", "decay_start"
UNDECAYED = 1.0
"""A decay that starts at the end of the run is none."""


SAME = 1e-9
"""Coordinates that are nearer than this are those of one value."""


@dataclass(frozen=True)
class Configuration:
    """What a run is started with: every hyperparameter by name, its schedule, and the steps of a full run."""

    params: Params
    schedule: Schedule
    num_steps: int


@dataclass(frozen=True)
class SearchSpace:
    """The hyperparameters in a fixed order, those that cannot move left out; ``spec`` knows all the rest.

    One whose condition does not hold stands at its default: so a configuration is one point, whatever it lacks.
    """

    spec: StudySpec
    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return len(self.dimensions)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {dimension.name: index for index, dimension in enumerate(self.dimensions)}

    # --- points --------------------------------------------------------------------------------------------------

    def point(self, params: Params, schedule: Schedule, num_steps: int) -> Values:
        """Return a configuration as a point, shape [d]; ``num_steps`` is the length of its full run."""
        known: dict[str, Scalar] = {
            **self._starts,
            **params,
            START: start_share(schedule, num_steps),
            FORM: schedule.kind,
        }
        return np.array([dimension.coordinate(known[dimension.name]) for dimension in self.dimensions])

    def snapped(self, points: Values) -> Values:
        """Return the nearest points (shape [n, d]) that a run can be started with."""
        return self._without_inactive(self._each_snapped(points))

    def _each_snapped(self, points: Values) -> Values:
        columns = [dimension.snapped(points[:, index]) for index, dimension in enumerate(self.dimensions)]
        stacked: Values = np.stack(columns, axis=1)
        return stacked

    def _without_inactive(self, points: Values) -> Values:
        """Return the points with what does not count at its default."""
        counts: dict[str, NDArray[np.bool_]] = {}
        for name in self.conditional:
            counts[name] = self._counts(name, points, counts)
            index = self._place.get(name)
            if index is not None:
                points[~counts[name], index] = self._defaults[index]
        return points

    def _counts(self, name: str, points: Values, known: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return at which points a hyperparameter counts, shape [n]; ``known`` has the conditional ones it rests on."""
        found = np.ones(len(points), np.bool_)
        for parent, values in (self.spec.space[name].when or {}).items():
            found &= self._has(parent, values, points) & known.get(parent, True)
        return found

    def _has(self, name: str, values: tuple[Scalar, ...], points: Values) -> NDArray[np.bool_] | bool:
        """Return at which points a hyperparameter has one of some values; what does not move stands as it starts."""
        index = self._place.get(name)
        if index is None:
            return name in self._starts and includes(values, self._starts[name])
        places = [self.dimensions[index].coordinate(value) for value in values]
        return np.asarray((np.abs(points[:, [index]] - places) < SAME).any(axis=1))

    @cached_property
    def conditional(self) -> tuple[str, ...]:
        """Return the hyperparameters that have a condition, each behind those that it rests on."""
        found: dict[str, None] = {}

        def add(name: str) -> None:
            conditions = self.spec.space[name].when if name in self.spec.space else None
            for parent in conditions or {}:
                add(parent)
            if conditions:
                found[name] = None

        for name in self.spec.space:
            add(name)
        return tuple(found)

    @cached_property
    def _starts(self) -> Params:
        return all_defaults(self.spec)

    @cached_property
    def _defaults(self) -> Values:
        """Return the coordinates at which everything starts, shape [d]; those of the schedule play no part."""
        known = {**self._starts, START: UNDECAYED, FORM: _forms(self.spec)[0]}
        start = np.array([[each.coordinate(known[each.name]) for each in self.dimensions]])
        return np.asarray(self._each_snapped(start)[0])

    def configuration(self, point: Values) -> Configuration:
        """Return the configuration at a point; what does not move stands at its default."""
        found = {each.name: each.value(float(at)) for each, at in zip(self.dimensions, point, strict=True)}
        start, form = float(found.pop(START, UNDECAYED)), str(found.pop(FORM, _forms(self.spec)[0]))
        params = completed(self.spec, found)
        num_steps = full_length(self.spec, params)
        return Configuration(params, decay(form, start, num_steps), num_steps)

    # --- features ------------------------------------------------------------------------------------------------

    def features(self, points: Values) -> Values:
        """Return what the model sees of points: shape [n, f], each feature about one across.

        One feature more than there are dimensions: log lr - log batch - log(1 - momentum), the rate that counts
        (guide, section 7). The form of a decay counts for as much as there is of it.
        """
        columns = [self._column(points, index) for index in range(len(self))]
        return np.concatenate([*columns, self._effective_rate(points)], axis=1)

    def _column(self, points: Values, index: int) -> Values:
        dimension = self.dimensions[index]
        columns = dimension.features(points[:, index])
        decayed = 1.0 - points[:, [self._place[START]]] if dimension.name == FORM else 1.0
        return np.asarray(columns * decayed)

    def _effective_rate(self, points: Values) -> Values:
        signs = {"lr": 1.0, "batch_size": -1.0, "momentum": 1.0}
        moving = [each for each in self.dimensions if each.name in signs and isinstance(each, Numeric)]
        if len(moving) <= 1:
            return np.empty((len(points), 0))
        spans = [each.span[1] - each.span[0] for each in moving]
        terms = [signs[d.name] * span * points[:, self._place[d.name]] for d, span in zip(moving, spans, strict=True)]
        return np.asarray(np.sum(terms, axis=0) / sum(spans))[:, None]


def start_share(schedule: Schedule, num_steps: int) -> float:
    """Return the share of a run at which its decay begins, 1 for none."""
    return UNDECAYED if schedule.kind == "constant" else schedule.start / num_steps


def decay(form: str, start: float, num_steps: int) -> Schedule:
    """Return the schedule of a full run that decays in this form from this share on."""
    if start >= UNDECAYED:
        return schedules.constant()
    return FORMS[form](num_steps, min(round(start * num_steps), num_steps - 1))


# --- from the study file -----------------------------------------------------------------------------------------


def space_of(spec: StudySpec) -> SearchSpace:
    """Return the space that a study file describes."""
    moving = (dimension for dimension in (*_parameters(spec), *_schedule(spec)) if dimension.moves)
    return SearchSpace(spec, tuple(moving))


def _parameters(spec: StudySpec) -> list[Dimension]:
    return [_dimension(name, given) for name, given in ranges(spec).items()]


def ranges(spec: StudySpec) -> dict[str, ParameterRange]:
    """Return the range of every hyperparameter, the standard ones first; without momentum for Adam and its kin."""
    standard = {name: spec.space.get(name, BUILT_IN[name]) for name in STANDARD}
    if not has_momentum(spec):
        del standard["momentum"]
    if spec.defaults.weight_decay == 0.0 and "weight_decay" not in spec.space:
        standard["weight_decay"] = FloatRange(kind="float", low=0.0, high=1e-2)
    return {**standard, **{name: given for name, given in spec.space.items() if name not in STANDARD}}


def _dimension(name: str, given: ParameterRange) -> Dimension:
    scale = SCALES.get(name, "log" if not isinstance(given, Choice) and given.log else "linear")
    if isinstance(given, Choice):
        numbers = [value for value in given.values if isinstance(value, int | float) and not isinstance(value, bool)]
        return ordered(name, numbers, scale) if len(numbers) == len(given.values) else Categorical(name, given.values)
    return Numeric(name, float(given.low), float(given.high), scale, integer=isinstance(given, IntRange))


def _decays(spec: StudySpec) -> DecayProbes | None:
    return next((stage for stage in spec.stages if isinstance(stage, DecayProbes)), None)


def _forms(spec: StudySpec) -> tuple[str, ...]:
    stage = _decays(spec)
    return stage.forms if stage else ("linear",)


def _schedule(spec: StudySpec) -> list[Dimension]:
    """Return the two dimensions of the schedule; a study without decay probes leaves it to its objective."""
    stage = _decays(spec)
    if stage is None:
        return []
    return [ordered(START, (*stage.starts, UNDECAYED), "linear"), Categorical(FORM, stage.forms)]


def starting_params(spec: StudySpec) -> Params:
    """Return the configuration that a guided search starts from: the defaults that count, moved into their ranges."""
    return completed(spec, {})


def completed(spec: StudySpec, params: Params) -> Params:
    """Return a configuration with all that counts under it and nothing else: what it lacks stands at its default."""
    return active(spec.space, {**all_defaults(spec), **params})


def all_defaults(spec: StudySpec) -> Params:
    """Return where every hyperparameter starts, whether its condition holds or not."""
    defaults: Params = {
        "lr": spec.defaults.lr,
        "batch_size": spec.defaults.batch_size,
        "momentum": spec.defaults.momentum,
        "weight_decay": spec.defaults.weight_decay,
    }
    return {name: _start(name, given, defaults.get(name)) for name, given in ranges(spec).items()}


def _start(name: str, given: ParameterRange, default: Scalar | None) -> Scalar:
    dimension = _dimension(name, given)
    wanted = given.default if default is None else default
    if wanted is None:
        wanted = given.values[0] if isinstance(given, Choice) else dimension.value(0.5)
    return _inside(dimension, wanted)


def within(spec: StudySpec, name: str, value: Scalar) -> Scalar:
    """Return the value nearest to `value` that a hyperparameter can take."""
    return _inside(_dimension(name, ranges(spec)[name]), value)


def _inside(dimension: Dimension, value: Scalar) -> Scalar:
    if isinstance(dimension, Categorical) or (not dimension.values and dimension.low <= float(value) <= dimension.high):
        return value
    return dimension.value(dimension.coordinate(value))

"""The space of a user-defined search: what moves, as axes for a sampler, and where all else stands."""

from __future__ import annotations

import itertools

import numpy as np

from studies.contract.base import Params, Scalar
from studies.contract.study_file import SamplerSearch, StudySpec
from studies.core import schedules
from studies.core.context import Context
from studies.core.judging import Contender
from studies.core.sampling import Axis, CategoryAxis, ChoiceAxis, FloatAxis
from studies.core.search.dimensions import Categorical, Dimension
from studies.core.search.lengths import full_length
from studies.core.search.space import FORM, START, Configuration, decay, space_of, start_share, starting_params
from studies.core.search.standing import standing_before


def moving(spec: StudySpec, stage: SamplerSearch) -> tuple[Dimension, ...]:
    """Return the hyperparameters that the search moves; the schedule is not one of them."""
    wanted = stage.parameters
    found = (each for each in space_of(spec).dimensions if each.name not in (FORM, START))
    return tuple(each for each in found if wanted is None or each.name in wanted)


def axis_of(dimension: Dimension) -> Axis:
    """Return a hyperparameter for a sampler: a range by its coordinate, on the scale that suits it."""
    if isinstance(dimension, Categorical):
        return CategoryAxis(dimension.name, dimension.values)
    return ChoiceAxis(dimension.name, dimension.values) if dimension.values else FloatAxis(dimension.name, 0.0, 1.0)


def place(dimension: Dimension, value: Scalar) -> Scalar:
    """Return where a value stands on its axis."""
    return dimension.coordinate(value) if isinstance(axis_of(dimension), FloatAxis) else value


def value_at(dimension: Dimension, at: Scalar) -> Scalar:
    """Return the value at a place on its axis."""
    return dimension.value(float(at)) if isinstance(axis_of(dimension), FloatAxis) else at


def parent(context: Context[SamplerSearch]) -> Contender | None:
    """Return the best configuration of the stages before, None in a first stage."""
    order = standing_before(context).order
    return order[0] if order else None


def varied(context: Context[SamplerSearch], values: Params) -> Configuration:
    """Return the configuration with these values, all else as in the best of the stages before or as by default."""
    base = parent(context)
    params = {**(base.params if base else starting_params(context.spec)), **values}
    length = full_length(context.spec, params)
    if base is None:
        return Configuration(params, schedules.constant(), length)
    share = start_share(base.schedule, base.num_steps)
    return Configuration(params, decay(base.schedule.kind, share, length), length)


def grid(spec: StudySpec, stage: SamplerSearch) -> list[Params]:
    """Return all combinations of the listed values, in an order drawn by the study's seed.

    Whatever part of it the budget has room for is spread over the whole.
    """
    dimensions = moving(spec, stage)
    names = [each.name for each in dimensions]
    cells = [
        dict(zip(names, values, strict=True)) for values in itertools.product(*(each.values for each in dimensions))
    ]
    return [cells[index] for index in np.random.default_rng(spec.seed).permutation(len(cells))]

"""The space of a user-defined search: what moves, as axes for a sampler, and where all else stands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from studies.contract.base import Params, Scalar
from studies.contract.search_space import active, includes
from studies.contract.study_file import SamplerSearch, StudySpec
from studies.core import schedules
from studies.core.context import Context
from studies.core.judging import Contender
from studies.core.sampling import Axis, CategoryAxis, ChoiceAxis, Condition, FloatAxis
from studies.core.search.dimensions import Categorical, Dimension
from studies.core.search.lengths import full_length
from studies.core.search.space import FORM, START, Configuration, all_defaults, completed, decay, space_of, start_share
from studies.core.search.standing import standing_before


def moving(spec: StudySpec, stage: SamplerSearch) -> tuple[Dimension, ...]:
    """Return the hyperparameters that the search moves, each behind those that it depends on; never the schedule."""
    space, wanted = space_of(spec), stage.parameters
    found = [each for each in space.dimensions if each.name not in (FORM, START)]
    order = {name: place for place, name in enumerate(space.conditional, start=1)}
    found.sort(key=lambda each: order.get(each.name, 0))
    return tuple(each for each in found if wanted is None or each.name in wanted)


def conditions(context: Context[SamplerSearch], dimensions: Sequence[Dimension]) -> tuple[Condition, ...]:
    """Return under which values of the others a moving hyperparameter counts."""
    names = {each.name for each in dimensions}
    when = [(name, given.when) for name, given in context.spec.space.items() if given.when and name in names]
    return tuple(
        Condition(name, parent, values) for name, own in when for parent, values in own.items() if parent in names
    )


def counting(context: Context[SamplerSearch]) -> tuple[Dimension, ...]:
    """Return the moving hyperparameters but those that cannot count under what does not move."""
    dimensions = moving(context.spec, context.stage)
    names, fixed = {each.name for each in dimensions}, varied(context, {}).params
    space, found = context.spec.space, list[Dimension]()
    for each in dimensions:
        own = (space[each.name].when or {}).items() if each.name in space else ()
        known = {kept.name for kept in found}
        if all(parent in known if parent in names else _holds(fixed, parent, values) for parent, values in own):
            found.append(each)
    return tuple(found)


def _holds(params: Params, name: str, values: tuple[Scalar, ...]) -> bool:
    return name in params and includes(values, params[name])


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
    params = completed(context.spec, {**(base.params if base else {}), **values})
    length = full_length(context.spec, params)
    if base is None:
        return Configuration(params, schedules.constant(), length)
    share = start_share(base.schedule, base.num_steps)
    return Configuration(params, decay(base.schedule.kind, share, length), length)


def grid(spec: StudySpec, stage: SamplerSearch) -> list[Params]:
    """Return all combinations of the listed values, in an order drawn by the study's seed.

    Whatever part of it the budget has room for is spread over the whole.
    """
    names = [each.name for each in moving(spec, stage)]
    products = itertools.product(*(each.values for each in moving(spec, stage)))
    wholes = [
        active(spec.space, {**all_defaults(spec), **dict(zip(names, values, strict=True))}) for values in products
    ]
    cells = [{name: params[name] for name in names if name in params} for params in wholes]
    different = list({tuple(cell.items()): cell for cell in cells}.values())
    return [different[index] for index in np.random.default_rng(spec.seed).permutation(len(different))]

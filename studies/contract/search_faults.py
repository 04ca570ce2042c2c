"""What can be wrong with a user-defined search: names and lists that its study does not have, steps never reached."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from studies.contract.pruners import first_judged
from studies.contract.search_space import BUILT_IN, Choice, ParameterRange
from studies.contract.stages import SamplerSearch, Stage
from studies.contract.study_fields import MAX_CELLS


class Fault(NamedTuple):
    """A fault with its place within the stage."""

    message: str
    at: tuple[int | str, ...]


def search_fault(stage: Stage, names: Sequence[str], space: Mapping[str, ParameterRange], steps: int) -> Fault | None:
    """Return the first fault of a search, None where it is sound, and for any other stage.

    Args:
        stage: a stage of the study.
        names: all hyperparameters of the study.
        space: the ranges that the study file gives.
        steps: of a full run.
    """
    return next(_faults(stage, names, space, steps), None) if isinstance(stage, SamplerSearch) else None


def _faults(
    stage: SamplerSearch, names: Sequence[str], space: Mapping[str, ParameterRange], steps: int
) -> Iterator[Fault]:
    known = ", ".join(names)
    unknown = ((index, name) for index, name in enumerate(stage.parameters or ()) if name not in names)
    yield from (
        Fault(f"names no hyperparameter of this study, which has {known}", ("parameters", i)) for i, _ in unknown
    )
    if stage.sampler == "grid":
        yield from _grid_faults({name: space.get(name, BUILT_IN.get(name)) for name in stage.parameters or names})
    if stage.pruner is not None:
        setting, first = first_judged(stage.pruner)
        if first is not None and first >= steps:
            message = f"is never reached by a run of {steps} steps (budget.steps): use less than {steps}, not {first}"
            yield Fault(message, ("pruner", setting))


def _grid_faults(moving: Mapping[str, ParameterRange | None]) -> Iterator[Fault]:
    sizes = {name: len(given.values) for name, given in moving.items() if isinstance(given, Choice)}
    for name in (name for name in moving if name not in sizes):
        message = f"grid needs lists, and {name} has a range: give space.{name} as {{kind: choice, values: [...]}}"
        yield Fault(f"{message}, or leave it out of parameters", ("sampler",))
    points = math.prod(sizes.values())
    if points > MAX_CELLS:
        yield Fault(f"makes a grid of {points} points, more than {MAX_CELLS}: shorten the lists", ("sampler",))

"""The port through which a stage asks a sampler for points: randomness that is passed in, never drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from studies.contract.base import Params, Scalar
from studies.contract.search_space import includes
from studies.contract.study_file import SamplerName, StageKind


@dataclass(frozen=True)
class FloatAxis:
    """A continuous axis of a search space, ``low <= x <= high``; ``log`` searches on a log scale."""

    name: str
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class ChoiceAxis:
    """An axis with an ordered set of values, such as batch sizes."""

    name: str
    choices: tuple[int | float, ...]


@dataclass(frozen=True)
class CategoryAxis:
    """An axis of values without an order, such as activations."""

    name: str
    choices: tuple[Scalar, ...]


Axis = FloatAxis | ChoiceAxis | CategoryAxis


@dataclass(frozen=True)
class Condition:
    """An axis counts only where another one, which stands before it in the space, has one of these values."""

    name: str
    parent: str
    values: tuple[Scalar, ...]


def index_of(choices: Sequence[Scalar], value: Scalar) -> int:
    """Return where a value stands among the choices of an axis; true is not the number 1.

    Raises:
        ValueError: it is none of them.
    """
    logical = isinstance(value, bool)
    return [isinstance(choice, bool) is logical and choice == value for choice in choices].index(True)


@dataclass(frozen=True)
class Observation:
    """What a sampler may learn from: a point of the space with its score, None while it runs.

    ``stopped_at`` is the step at which a run was stopped early; its score is then the last value that it had.
    """

    point: Params
    score: float | None
    stopped_at: int | None = None


@dataclass(frozen=True)
class SearchRequest:
    """Ask for ``count`` points of ``space``.

    Attributes:
        sampler: random, qmc, tpe, gp or cma-es (a grid needs no sampler).
        history: the points asked for so far, oldest first; the sampler learns from those with a score.
        maximize: whether a higher score is better.
        seed: with the history, all the randomness there is: the same request gives the same points.
        conditions: all those of an axis have to hold for it to count.
    """

    stage: StageKind
    sampler: SamplerName
    space: tuple[Axis, ...]
    history: tuple[Observation, ...]
    count: int
    maximize: bool
    seed: int
    conditions: tuple[Condition, ...] = ()

    def counts(self, name: str, point: Params) -> bool:
        """Return whether an axis counts under what a point has on those before it."""
        own = [each for each in self.conditions if each.name == name]
        return all(each.parent in point and includes(each.values, point[each.parent]) for each in own)


class Sampler(Protocol):
    """A pure function from a request to ``request.count`` points, each with a value for every axis that counts."""

    def __call__(self, request: SearchRequest) -> tuple[Params, ...]: ...

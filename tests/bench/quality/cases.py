"""The grid of the bench: which method runs on which task, under which conditions, with which seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tests.bench.quality.task import DefaultsKind


@dataclass(frozen=True, order=True)
class Case:
    """One search. ``budget`` in full trainings, ``slots`` runs at once."""

    method: str
    task: str
    budget: int
    slots: int
    defaults: DefaultsKind
    seed: int


@dataclass(frozen=True)
class Traits:
    """What makes a difference to a method.

    Attributes:
        uses_defaults: whether the defaults do.
        knows_budget: whether it plans with the budget; otherwise its run with the largest one holds all the others.
    """

    uses_defaults: bool
    knows_budget: bool


@dataclass(frozen=True)
class Conditions:
    """What a table is about."""

    budget: int
    slots: int
    defaults: DefaultsKind


@dataclass(frozen=True)
class Grid:
    """What is asked for: every combination."""

    methods: Mapping[str, Traits]
    tasks: Sequence[str]
    budgets: Sequence[int]
    slots: Sequence[int]
    defaults: Sequence[DefaultsKind]
    seeds: int

    def conditions(self) -> Iterator[Conditions]:
        for budget, slots, defaults in product(self.budgets, self.slots, self.defaults):
            yield Conditions(budget, slots, defaults)

    def cases(self) -> list[Case]:
        """Return each search that has to be run, once, all methods and tasks of a seed before the next seed."""
        every = product(range(self.seeds), self.conditions(), self.tasks, self.methods)
        return list(dict.fromkeys(self.case(method, task, where, seed) for seed, where, task, method in every))

    def case(self, method: str, task: str, conditions: Conditions, seed: int) -> Case:
        """Return the search that answers for a method under some conditions: of those that are alike to it, one."""
        traits = self.methods[method]
        defaults = conditions.defaults if traits.uses_defaults else "good"
        budget = conditions.budget if traits.knows_budget else max(self.budgets)
        return Case(method, task, budget, conditions.slots, defaults, seed)

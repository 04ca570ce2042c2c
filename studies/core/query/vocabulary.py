"""What names mean in one study."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from studies.contract.study_file import Metric
from studies.contract.trial_query import Fact, FactName, Measure, Param, Part, Term

FACTS: tuple[FactName, ...] = get_args(FactName)


@dataclass(frozen=True)
class Vocabulary:
    """The names of a study. What every trial has comes before a hyperparameter of that name, and that before a metric.

    Attributes:
        metric: the study's own; by its bare name its best value is meant, of every other metric the last one.
        params: hyperparameters known by their bare names.
        metrics: metrics known by their bare names, the study's own among them or not.
    """

    metric: Metric
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    @property
    def best_part(self) -> Part:
        return "max" if self.metric.direction == "maximize" else "min"

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The metrics, the study's own first."""
        return tuple(dict.fromkeys([self.metric.name, *self.metrics]))

    def meaning(self, name: str) -> Term | None:
        """Return what a bare name means, None where it means nothing."""
        for fact in FACTS:
            if fact == name:
                return Fact(fact)
        if name in self.params:
            return Param(name)
        if name in self.all_metrics:
            return self.at_a_glance(name)
        return None

    def at_a_glance(self, metric: str) -> Measure:
        """Return the one value that stands for a metric: the best of the study's own, the last of every other."""
        return Measure(metric, self.best_part if metric == self.metric.name else "last")


def closest(name: str, known: Collection[str]) -> str:
    """Return ``: did you mean lr?``, or nothing where nothing is like it."""
    by_lower = {other.lower(): other for other in known}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return f": did you mean {by_lower[found[0]]}?" if found else ""

"""What the runs of a search have reported, at the steps that its pruner looks at and at no others.

Runs differ in length where they differ in batch size, so their steps are put on the scale of a full run: what is
compared stands at the same share of each (guide, section 7).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studies.contract import pruners
from studies.contract.states import TrialState
from studies.contract.study_file import SamplerSearch
from studies.core.contest import judged_by
from studies.core.context import Context
from studies.core.pruning import PruneRequest, ReportingRun
from studies.core.search.lengths import rungs
from studies.core.snapshot import LOSS, Curve, Trial

Points = tuple[tuple[int, float], ...]
State = Literal["under way", "finished", "stopped"]

_STATES: dict[TrialState, State] = {
    TrialState.RUNNING: "under way",
    TrialState.COMPLETED: "finished",
    TrialState.PRUNED: "stopped",
}


@dataclass(frozen=True)
class _Course:
    """The metric of a run, read by the steps of a full run: ``scale`` of them to each of its own."""

    trial: Trial
    metric: Curve
    scale: float

    @property
    def last(self) -> int:
        """The last step with a report, 0 before the first."""
        return self._step(-1) if len(self.metric) else 0

    @property
    def state(self) -> State:
        """A run that has reported its last step is as good as finished."""
        at_end = len(self.metric) and self.metric.steps[-1] >= self.trial.num_steps
        return "finished" if at_end and self.trial.state is TrialState.RUNNING else _STATES[self.trial.state]

    def whole(self) -> Points:
        return tuple((self._step(index), self._value(index)) for index in range(len(self.metric)))

    def latest(self) -> Points:
        return ((self.last, self._value(-1)),) if len(self.metric) else ()

    def best_and_latest(self, *, maximize: bool) -> Points:
        """Return the last report with the best up to it."""
        finite = np.flatnonzero(np.isfinite(self.metric.values))
        if not finite.size:
            return self.latest()
        heights = self.metric.values[finite] if maximize else -self.metric.values[finite]
        best = int(finite[int(np.argmax(heights))])
        found = {self._step(best): self._value(best), self.last: self._value(-1)}
        return tuple(found.items())

    def at_or_before(self, step: int) -> Points:
        """Return what was last reported by then, as of then."""
        index = int(np.searchsorted(self.metric.steps, step / self.scale + _HAIR, side="right")) - 1
        return ((step, self._value(index)),) if index >= 0 else ()

    def at_or_after(self, step: int) -> Points:
        """Return what was first reported from then on, as of then."""
        index = int(np.searchsorted(self.metric.steps, step / self.scale - _HAIR))
        return ((step, self._value(index)),) if index < len(self.metric) else ()

    def _step(self, index: int) -> int:
        return round(float(self.metric.steps[index]) * self.scale)

    def _value(self, index: int) -> float:
        value = float(self.metric.values[index])
        return value if math.isfinite(value) else math.nan


_HAIR = 1e-6
"""Of a step: what division leaves over must not make a report come too late."""


def prune_request(context: Context[SamplerSearch], rule: pruners.Pruner) -> PruneRequest:
    """Return what the pruner is asked now."""
    full = context.spec.budget.steps
    known = [trial for trial in context.trials if trial.state in _STATES]
    name = judged_by(context, known)
    maximize = context.maximize and name != LOSS
    filled = _filled(context, rule)
    courses = [_Course(trial, trial.curve(name), full / trial.num_steps) for trial in known]
    seen = _looked_at(filled, courses, full, maximize=maximize)
    place = {trial.id: number for number, trial in enumerate(context.trials)}
    return PruneRequest(
        study=f"{context.spec.name}/{context.stage.kind}",
        pruner=filled,
        runs=tuple(
            ReportingRun(course.trial.id, place[course.trial.id], course.state, points, course.last)
            for course, points in zip(courses, seen, strict=True)
        ),
        steps=full,
        maximize=maximize,
    )


def _filled(context: Context[SamplerSearch], rule: pruners.Pruner) -> pruners.Pruner:
    """Return the pruner with its first step filled in: the first rung of a full run where the study says nothing."""
    setting, first = pruners.first_judged(rule)
    if first is not None or isinstance(rule, pruners.PatiencePruner):
        return rule
    return rule.model_copy(update={setting: rungs(context.spec, context.spec.budget.steps)[0]})


def _looked_at(rule: pruners.Pruner, courses: Sequence[_Course], full: int, *, maximize: bool) -> Iterable[Points]:
    match rule:
        case pruners.MedianPruner():
            return _for_median(courses, maximize=maximize)
        case pruners.SuccessiveHalvingPruner() | pruners.HyperbandPruner():
            first, factor = rule.min_resource or 1, rule.reduction_factor
            return [_at_rungs(course, rungs_from(first, factor, full)) for course in courses]
        case pruners.PatiencePruner():
            return [course.whole() if course.state == "under way" else () for course in courses]
    return [course.latest() if course.state == "under way" else () for course in courses]


def _for_median(courses: Sequence[_Course], *, maximize: bool) -> list[Points]:
    """Return the best and the latest report of runs under way, and what the finished ones had by these latest steps."""
    asked = sorted({course.last for course in courses if course.state == "under way" and course.last})

    def points(course: _Course) -> Points:
        if course.state == "under way":
            return course.best_and_latest(maximize=maximize)
        if course.state == "finished":
            return tuple(point for step in asked for point in course.at_or_before(step))
        return ()

    return [points(course) for course in courses]


def _at_rungs(course: _Course, steps: Sequence[int]) -> Points:
    return tuple(point for step in steps for point in course.at_or_after(step))


def rungs_from(first: int, factor: int, full: int) -> list[int]:
    """Return the rungs before the end of a full run: ``first``, and each ``factor`` times the one before."""
    found = []
    while first < full:
        found.append(first)
        first *= factor
    return found

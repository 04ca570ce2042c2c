"""A study as its figures read it: the trials and curves that a figure shows, never all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from service.conclusions import evidence_number
from service.figures.evidence import chosen_trial, weighed_trials
from service.figures.parallel import BEST_SHOWN
from service.figures.points import records
from service.figures.readings import trial_score
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric, StageKind
from studies.contract.views import StudyView, TrialView
from studies.core.snapshot import Curve
from studies.storage.port import StudyStore, TrialResult

MOST_POINTS = 500
"""Most trials of a figure of points, the best of their time aside."""

MOST_TRIALS = 1_000
"""Most trials of the figures of stages that are small: a sweep, a grid, a set of schedules."""


@dataclass(frozen=True)
class StudyData:
    """A study, and a way to the trials and curves that a figure shows: never all of them."""

    store: StudyStore
    study: StudyView

    @property
    def metric(self) -> Metric:
        return self.study.spec.metric

    def decision(self, kind: StageKind) -> Decision | None:
        return next((stage.decision for stage in self.study.stages if stage.kind == kind), None)

    def asked(self, kind: StageKind) -> int:
        """Return how many trials a stage has asked for."""
        return next((stage.trials for stage in self.study.stages if stage.kind == kind), 0)

    def of(self, kind: StageKind) -> list[TrialView]:
        """Return a stage's trials (at most `MOST_TRIALS`) and those of other stages that its decision is about."""
        decision = self.decision(kind)
        concerned = [trial_id for trial_id in (chosen_trial(decision), *weighed_trials(decision)) if trial_id]
        return self._with(self.store.sample_trials(self.study.id, kind, MOST_TRIALS), concerned)

    def decision_before(self, kind: StageKind) -> Decision | None:
        """Return the last decision before a stage's own; None where the study has no such stage."""
        kinds = [stage.kind for stage in self.study.stages]
        before = kinds[: kinds.index(kind)] if kind in kinds else []
        return next((decision for each in reversed(before) if (decision := self.decision(each))), None)

    def start_of(self, kind: StageKind) -> list[TrialView]:
        """Return the trial that the stage before `kind` chose, which its own are compared with."""
        chosen = chosen_trial(self.decision_before(kind))
        return self.known([chosen] if chosen else [])

    def carried_to(self, kind: StageKind) -> list[TrialView]:
        """Return the trials that the decision before a stage is about: what it chose, and what came close."""
        before = self.decision_before(kind)
        return self.known([trial_id for trial_id in (chosen_trial(before), *weighed_trials(before)) if trial_id])

    def score_before(self, kind: StageKind) -> float | None:
        """Return the score of what the stage before `kind` chose, None before the first decision."""
        return evidence_number(self.decision_before(kind), "dev_after")

    def points(self, kind: StageKind) -> list[TrialView]:
        """Return a stage's trials for a figure of points: an even choice, with every one that was the best of its time.

        Those make the line of the best so far, which thereby is the line of all.
        """
        own = self.store.sample_trials(self.study.id, kind, MOST_POINTS)
        if self.asked(kind) <= MOST_POINTS:
            return list(own)
        numbers = records(self.store.scores(self.study.id, kind), self.metric)
        leaders = self.store.trials_numbered(self.study.id, numbers)
        chosen = chosen_trial(self.decision(kind))
        return [trial for trial in self._with([*own, *leaders], [chosen] if chosen else []) if trial.stage == kind]

    def known(self, trial_ids: Iterable[str]) -> list[TrialView]:
        """Return those of these trials that there are."""
        return self._with((), trial_ids)

    def leading_results(self, selected: Collection[int]) -> list[TrialResult]:
        """Return the best few and the `selected` of all trials that have ended, as `StudyStore.results` has them."""
        best = self.store.best_trials(self.study.id, BEST_SHOWN)
        chosen = self.store.trials_numbered(self.study.id, selected)
        return [_result(trial, self.metric) for trial in [*best, *chosen] if trial.state.ended]

    def curves(self, name: str, trials: Iterable[TrialView]) -> Mapping[str, Curve]:
        return self.store.curves(self.study.id, name, [trial.id for trial in trials])

    def _with(self, trials: Iterable[TrialView], others: Iterable[str]) -> list[TrialView]:
        """Return `trials`, and those of `others` that are not among them, each once."""
        known = {trial.id: trial for trial in trials}
        lacking = self.store.trial_numbers([trial_id for trial_id in others if trial_id not in known])
        found = self.store.trials_numbered(self.study.id, list(lacking.values()))
        return list((known | {trial.id: trial for trial in found}).values())


def read_study(store: StudyStore, study_id: str) -> StudyData:
    return StudyData(store, store.get_study(study_id))


def _result(trial: TrialView, metric: Metric) -> TrialResult:
    score = trial_score(trial, metric) if trial.state is TrialState.COMPLETED else None
    return TrialResult(
        trial.id,
        trial.number,
        trial.stage,
        trial.state,
        trial.params,
        trial.schedule,
        trial.num_steps,
        score,
    )
